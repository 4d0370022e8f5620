"""What comes in any order, let go in the order of the input."""

from collections.abc import Callable
from typing import Generic, TypeVar

Payload = TypeVar("Payload")


class Reorder(Generic[Payload]):
    """Releases payloads in position order, each as soon as every earlier position is in.

    Each position from 0 comes once, with a payload or with None where there is nothing to
    release. `size` tells how many bytes holding a payload costs.
    """

    def __init__(self, size: Callable[[Payload], int]) -> None:
        self._size = size
        self._held: dict[int, Payload | None] = {}
        self._held_bytes = 0
        self._settled_through = 0

    @property
    def settled_through(self) -> int:
        """The first position that has not come in."""
        return self._settled_through

    @property
    def held_bytes(self) -> int:
        """What the payloads cost that wait for an earlier position."""
        return self._held_bytes

    @property
    def held(self) -> int:
        """How many positions wait for an earlier one."""
        return len(self._held)

    def add(self, position: int, payload: Payload | None) -> list[Payload]:
        """Takes one position in; returns what can now be released, in position order."""
        if position != self._settled_through:
            self._held[position] = payload
            if payload is not None:
                self._held_bytes += self._size(payload)
            return []
        released = [] if payload is None else [payload]
        position += 1
        held = self._held
        while position in held:
            following = held.pop(position)
            if following is not None:
                self._held_bytes -= self._size(following)
                released.append(following)
            position += 1
        self._settled_through = position
        return released

    def drain(self) -> list[Payload]:
        """At the end of a run that left gaps: all that is still held, in position order."""
        rest = [payload for _, payload in sorted(self._held.items(), key=lambda pair: pair[0])]
        if self._held:
            self._settled_through = max(self._held) + 1
        self._held.clear()
        self._held_bytes = 0
        return [payload for payload in rest if payload is not None]
