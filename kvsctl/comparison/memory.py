"""What several sorters hold in memory together."""

from typing import Final, Protocol

from kvsctl.comparison.pages import PageFile

_LEAST_BYTES: Final = 32 << 10
"""A sorter that holds less than this keeps it in memory: writing it would free too little."""


class Holder(Protocol):
    """What holds entries in memory, and can move them to disk."""

    held_bytes: int

    def move_to_disk(self) -> None:
        """Hold nothing. What goes wrong is noted there, and raises nothing here."""
        ...


class SortingMemory:
    """What sorters hold in memory, which is `most_bytes` for all of them together.

    If they hold more, the one that holds most moves its entries to `pages`, a file that they share.
    What is held by one that is being read stays. `most_held_bytes` is the most that they have held:
    it exceeds `most_bytes` by no more than `least_bytes` for each sorter.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.least_bytes = min(_LEAST_BYTES, most_bytes)
        self.pages = PageFile()
        self.held_bytes = 0
        self.limit_bytes = most_bytes
        """With so much held, `make_room` must be called."""
        self.most_held_bytes = 0
        self._holders: set[Holder] = set()

    def enter(self, holder: Holder) -> None:
        """Let a holder be moved to disk from now on."""
        self._holders.add(holder)

    def leave(self, holder: Holder) -> None:
        """Leave a holder as it is from now on."""
        self._holders.discard(holder)

    def release(self, count: int) -> None:
        """Count bytes as held no more."""
        self.most_held_bytes = max(self.most_held_bytes, self.held_bytes)
        self.held_bytes -= count
        if self.held_bytes < self.most_bytes:
            self.limit_bytes = self.most_bytes

    def make_room(self) -> None:
        """Move to disk what is held by the holder that holds most, if that is worth it."""
        largest = max(self._holders, key=lambda one: one.held_bytes, default=None)
        if largest is not None and largest.held_bytes >= self.least_bytes:
            largest.move_to_disk()
        is_full = self.held_bytes >= self.most_bytes
        self.limit_bytes = self.held_bytes + self.least_bytes if is_full else self.most_bytes
