"""Release payloads, which arrive in any order, in the order of the input."""

from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

from kvsctl.bulk.outcomes.positions import SettledRanges

Payload = TypeVar("Payload")

HOLDING_BYTES: Final = 200
"""The approximate cost of holding a payload, in addition to its bytes: objects, a dict entry."""


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
        self._held: dict[int, Payload] = {}
        self._stops: dict[int, int] = {}  # of added positions that stand for several
        self._later: SettledRanges | None = SettledRanges(settled)
        self.settled_through = 0
        """The first position that was not added."""
        self.held_bytes = 0
        """The bytes of the payloads that wait for an earlier position."""
        self._pass_later()

    def add(self, position: int, payload: Payload | None, stop: int | None = None) -> list[Payload]:
        """Add a position, or all positions from it up to but not including `stop`.

        Return the payloads that this releases, in position order.
        """
        if position != self.settled_through:
            self._hold(position, payload, stop)
            return []
        released = [] if payload is None else [payload]
        self.settled_through = after = position + 1 if stop is None else stop
        if self._later is not None:
            self._pass_later()
            self._release(after, released)
        return released

    def _hold(self, position: int, payload: Payload | None, stop: int | None) -> None:
        """Keep a payload that waits for an earlier position."""
        self._later = self._later or SettledRanges()
        self._later.add(position, stop)
        if stop is not None:
            self._stops[position] = stop
        if payload is not None:
            self._held[position] = payload
            self.held_bytes += HOLDING_BYTES + self._size(payload)

    def _pass_later(self) -> None:
        """Move `settled_through` over positions after it that were added before."""
        later, through = self._later, self.settled_through
        if later:
            start, stop = next(iter(later))
            if start == through:
                self.settled_through = stop
                later.discard(start, stop)
        self._later = later or None

    def _release(self, start: int, released: list[Payload]) -> None:
        """Move the held payloads before `settled_through`, from `start` on, to `released`."""
        place, through = start, self.settled_through
        while place < through:
            waited = self._held.pop(place, None)
            if waited is not None:
                self.held_bytes -= HOLDING_BYTES + self._size(waited)
                released.append(waited)
            place = self._stops.pop(place, place + 1)

    def drain(self) -> list[Payload]:
        """Remove and return all held payloads in position order, when no more will be added."""
        rest = [payload for _, payload in sorted(self._held.items(), key=lambda pair: pair[0])]
        self._held.clear()
        self._stops.clear()
        self.held_bytes = 0
        return rest
