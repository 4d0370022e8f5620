"""Release payloads, which arrive in any order, in the order of the input."""

from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

from kvsctl.bulk.outcomes.positions import SettledRanges

Payload = TypeVar("Payload")

HOLDING_BYTES: Final = 200
"""The approximate cost of holding a payload besides its own bytes: objects, a dict entry."""


class Reorder(Generic[Payload]):
    """Releases payloads in position order, each as soon as every earlier position was added.

    Each position from 0 is added once, with a payload, or with None if there is nothing to release.
    Consecutive positions may share a payload. Positions in `settled` were released before and are
    never added. `size` returns the bytes of a payload; holding it costs `HOLDING_BYTES` more.
    """

    def __init__(
        self, size: Callable[[Payload], int], settled: Iterable[tuple[int, int]] = ()
    ) -> None:
        self._size = size
        self._settled = SettledRanges(settled)
        self._held: dict[int, Payload] = {}
        self._stops: dict[int, int] = {}  # of added positions that stand for several
        self._held_bytes = 0

    @property
    def settled_through(self) -> int:
        """The first position that was not added."""
        return self._settled.settled_through

    @property
    def held_bytes(self) -> int:
        """The bytes of the payloads that wait for an earlier position."""
        return self._held_bytes

    def add(self, position: int, payload: Payload | None, stop: int | None = None) -> list[Payload]:
        """Add a position, or all positions from it up to but not including `stop`.

        Return the payloads that this releases, in position order.
        """
        is_next = position == self._settled.settled_through
        self._settled.add(position, stop)
        if not is_next:
            if stop is not None:
                self._stops[position] = stop
            if payload is not None:
                self._held[position] = payload
                self._held_bytes += HOLDING_BYTES + self._size(payload)
            return []
        released = [] if payload is None else [payload]
        if self._held:
            self._release(position + 1 if stop is None else stop, released)
        return released

    def _release(self, start: int, released: list[Payload]) -> None:
        """Move to `released` the payloads from `start` on that wait for no earlier position."""
        place, through = start, self._settled.settled_through
        while place < through:
            waited = self._held.pop(place, None)
            if waited is not None:
                self._held_bytes -= HOLDING_BYTES + self._size(waited)
                released.append(waited)
            place = self._stops.pop(place, place + 1)

    def drain(self) -> list[Payload]:
        """Remove and return all held payloads in position order, when no more will be added."""
        rest = [payload for _, payload in sorted(self._held.items(), key=lambda pair: pair[0])]
        self._held.clear()
        self._stops.clear()
        self._held_bytes = 0
        return rest
