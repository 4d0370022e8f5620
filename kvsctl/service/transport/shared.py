"""Carriers that clients with different headers share: one set of connections for each URL."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from kvsctl.service.transport.carrier import Carrier, CarrierAnswer, Method
from kvsctl.service.transport.choose import over_network
from kvsctl.service.transport.turns import ClientTurns, Turns

if TYPE_CHECKING:
    from kvsctl.service.transport.direct import DirectCarrier

MOST_IN_FLIGHT: Final = 256
"""The most requests of all clients in flight, each on a connection of its own."""


class _First(msgspec.Struct, eq=False):
    """The first carrier to a URL, whose connections the others share, and how many clients it has.

    `direct`: the same carrier, if it is kvsctl's own.
    """

    carrier: Carrier
    direct: "DirectCarrier | None"
    clients: int = 0


class SharedCarriers:
    """The carriers of clients that work at the same time. Close it when all have ended.

    At most `clients` are open at a time: fewer than requested if `most_connections` are not enough
    for one each. The connections to a URL are closed when its last client is closed. Idle ones are
    closed when others are needed, so that no more are open than requests may be in flight.
    """

    def __init__(
        self,
        clients: int,
        most_in_flight: int = MOST_IN_FLIGHT,
        most_connections: int | None = None,
    ) -> None:
        self._first: dict[tuple[str, float], _First] = {}
        if most_connections is not None:
            most_in_flight = min(most_in_flight, most_connections)
            clients = max(1, min(clients, most_connections - most_in_flight // 2))
        self.clients: Final = clients
        self._turns = Turns(most_in_flight, clients)

    def carrier(self, url: str, timeout_seconds: float) -> Carrier:
        """Return a carrier to the URL for one more client. Raise as `over_network` does."""
        place = url, timeout_seconds
        first = self._first.get(place)
        if first is None:
            carrier = over_network(url, timeout_seconds)
            first = self._first[place] = _First(carrier, _direct(carrier))
            if first.direct is not None:
                first.direct.before_opening(self._make_room)
        first.clients += 1
        carrier = first.carrier if first.direct is None else first.direct.for_another_client()
        return _Shared(carrier, self._turns.of_client(), lambda: self._leave(place))

    async def aclose(self) -> None:
        """Close all connections."""
        while self._first:
            await self._first.popitem()[1].carrier.aclose()

    async def _leave(self, place: tuple[str, float]) -> None:
        """Close the connections to a URL, unless other clients use them."""
        first = self._first.get(place)
        if first is None:
            return
        first.clients -= 1
        if not first.clients:
            del self._first[place]
            await first.carrier.aclose()

    def _make_room(self) -> None:
        """Close an idle connection if as many are open as requests may be in flight."""
        carriers = [one.direct for one in self._first.values() if one.direct is not None]
        if sum(one.open_connections for one in carriers) >= self._turns.total:
            any(one.close_idle() for one in carriers)


def _direct(carrier: Carrier) -> "DirectCarrier | None":
    """Return the carrier if it is kvsctl's own, whose connections can be shared and counted."""
    try:
        from kvsctl.service.transport.direct import DirectCarrier
    except ImportError:  # httptools is not installed
        return None
    return carrier if isinstance(carrier, DirectCarrier) else None


class _Shared:
    """A Carrier over connections that others use, too. Closing it leaves them open for the others.

    A request waits for its turn before its timeout begins.
    """

    def __init__(
        self, carrier: Carrier, turns: ClientTurns, leave: Callable[[], Awaitable[None]]
    ) -> None:
        self._carrier = carrier
        self._turns = turns
        self._leave: Callable[[], Awaitable[None]] | None = leave

    @property
    def host(self) -> str:
        """See Carrier."""
        return self._carrier.host

    @property
    def proxy(self) -> str | None:
        """See Carrier."""
        return self._carrier.proxy

    async def request(
        self, method: Method, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> CarrierAnswer:
        """See Carrier."""
        async with self._turns:
            return await self._carrier.request(method, path, headers, body)

    async def aclose(self) -> None:
        """See `SharedCarriers`. Can be called again."""
        leave, self._leave = self._leave, None
        if leave is not None:
            await leave()
