"""The memory that several sorters share."""

from typing import Final, Protocol

from kvsctl.comparison.pages import PageFile

_LEAST_BYTES: Final = 32 << 10
"""A sorter that holds less than this keeps it in memory: writing it would free too little."""


class Holder(Protocol):
    """What holds entries in memory, and can move them to disk."""

    held_bytes: int

    def move_to_disk(self) -> None:
        """Move everything to disk. Raise nothing: the holder notes errors."""
        ...


class SortingMemory:
    """The memory of sorters: at most `most_bytes` for all of them together.

    If they hold more, the one that holds most moves its entries to `pages`, a file that they share.
    A sorter that is being read keeps its entries. `most_held_bytes` is the most that they have
    held: it exceeds `most_bytes` by at most `least_bytes` for each sorter.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.least_bytes = min(_LEAST_BYTES, most_bytes)
        self.pages = PageFile()
        self.held_bytes = 0
        self.limit_bytes = most_bytes
        """Once this much is held, `make_room` must be called."""
        self.most_held_bytes = 0
        self._holders: set[Holder] = set()

    def enter(self, holder: Holder) -> None:
        """Allow a holder to be moved to disk from now on."""
        self._holders.add(holder)

    def leave(self, holder: Holder) -> None:
        """Never move a holder to disk from now on."""
        self._holders.discard(holder)

    def release(self, count: int) -> None:
        """Count bytes as no longer held."""
        self.most_held_bytes = max(self.most_held_bytes, self.held_bytes)
        self.held_bytes -= count
        if self.held_bytes < self.most_bytes:
            self.limit_bytes = self.most_bytes

    def make_room(self) -> None:
        """Move the entries of the largest holder to disk, if that is worth it."""
        largest = max(self._holders, key=lambda one: one.held_bytes, default=None)
        if largest is not None and largest.held_bytes >= self.least_bytes:
            largest.move_to_disk()
        is_full = self.held_bytes >= self.most_bytes
        self.limit_bytes = self.held_bytes + self.least_bytes if is_full else self.most_bytes
