"""What comes in any order, let go in the order of the input."""

from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

from kvsctl.bulk.outcomes.positions import SettledRanges

Payload = TypeVar("Payload")

HOLDING_BYTES: Final = 200
"""About what holding one more costs beside its own bytes: objects, and a place in a dict."""


class Reorder(Generic[Payload]):
    """Releases payloads in position order, each as soon as every earlier position is in.

    Each position from 0 comes once, with a payload or with None where there is nothing to
    release; positions that follow each other may share one. Those in `settled` do not come, they
    were released before. `size` tells how many bytes a payload has; holding it costs
    `HOLDING_BYTES` more.
    """

    def __init__(
        self, size: Callable[[Payload], int], settled: Iterable[tuple[int, int]] = ()
    ) -> None:
        self._size = size
        self._settled = SettledRanges(settled)
        self._held: dict[int, Payload] = {}
        self._stops: dict[int, int] = {}  # of held payloads that stand for several positions
        self._held_bytes = 0

    @property
    def settled_through(self) -> int:
        """The first position that has not come in."""
        return self._settled.settled_through

    @property
    def held_bytes(self) -> int:
        """What the payloads cost that wait for an earlier position."""
        return self._held_bytes

    def add(self, position: int, payload: Payload | None, stop: int | None = None) -> list[Payload]:
        """Takes a position in, or all from it up to but not including `stop`.

        Returns what can now be released, in position order.
        """
        is_next = position == self._settled.settled_through
        self._settled.add(position, stop)
        if not is_next:
            if payload is not None:
                self._held[position] = payload
                self._held_bytes += HOLDING_BYTES + self._size(payload)
                if stop is not None:
                    self._stops[position] = stop
            return []
        released = [] if payload is None else [payload]
        if self._held:
            self._release(position + 1 if stop is None else stop, released)
        return released

    def _release(self, start: int, released: list[Payload]) -> None:
        """Lets go what is held from `start` on and waits for nothing any more."""
        place, through = start, self._settled.settled_through
        while place < through:
            waited = self._held.pop(place, None)
            if waited is not None:
                self._held_bytes -= HOLDING_BYTES + self._size(waited)
                released.append(waited)
            place = self._stops.pop(place, place + 1)

    def drain(self) -> list[Payload]:
        """At the end of a run that left gaps: all that is still held, in position order."""
        rest = [payload for _, payload in sorted(self._held.items(), key=lambda pair: pair[0])]
        self._held.clear()
        self._stops.clear()
        self._held_bytes = 0
        return rest
