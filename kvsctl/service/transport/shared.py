"""Carriers that clients with different headers share: one set of connections for each URL."""

import asyncio
from collections.abc import Mapping
from typing import Final

from kvsctl.service.transport.carrier import Carrier, CarrierAnswer, Method
from kvsctl.service.transport.choose import over_network

MOST_IN_FLIGHT: Final = 256
"""How many requests of all clients are in flight at most: each has a connection."""


class SharedCarriers:
    """The carriers of clients that work at the same time. Close it when all have ended."""

    def __init__(self, most_in_flight: int = MOST_IN_FLIGHT) -> None:
        self._first: dict[tuple[str, float], Carrier] = {}
        self._turns = asyncio.Semaphore(most_in_flight)

    def carrier(self, url: str, timeout_seconds: float) -> Carrier:
        """Return a carrier to the URL for one more client. Raise as `over_network` does."""
        first = self._first.get((url, timeout_seconds))
        if first is None:
            first = self._first[url, timeout_seconds] = over_network(url, timeout_seconds)
        return _Shared(_for_another_client(first), self._turns)

    async def aclose(self) -> None:
        """Close all connections."""
        for carrier in self._first.values():
            await carrier.aclose()


def _for_another_client(carrier: Carrier) -> Carrier:
    """Return a carrier over the same connections that prepares the requests of another client."""
    try:
        from kvsctl.service.transport.direct import DirectCarrier
    except ImportError:  # httptools is not installed
        return carrier
    return carrier.for_another_client() if isinstance(carrier, DirectCarrier) else carrier


class _Shared:
    """A Carrier over connections that others use, too. To close it leaves them open.

    A request waits for its turn before its timeout begins.
    """

    def __init__(self, carrier: Carrier, turns: asyncio.Semaphore) -> None:
        self._carrier = carrier
        self._turns = turns

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
        """Do nothing: see `SharedCarriers.aclose`."""
