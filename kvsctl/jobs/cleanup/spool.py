"""The chosen records, on disk if there are many."""

import asyncio
from bisect import insort
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from typing import Final

from kvsctl.comparison.entries import Block, Entry, blocks_of
from kvsctl.comparison.memory import SortingMemory
from kvsctl.comparison.sorting import Sorter
from kvsctl.jobs.question import FIRST_KEYS, key_shown

_MOST_BYTES: Final = 16 << 20
"""How much of all spools together is in memory. The rest is on disk."""
_BLOCK_ENTRIES: Final = 200
"""Records wait in memory to be admitted as a block, one for each installation that is worked on."""
_MOST_PARTS: Final = 16
"""How many parts of a spool are merged at a time: each takes memory while the spool is read."""
_WHAT: Final = "what was listed"
_HINT: Final = "Set TMPDIR to a folder with more space."


def spool_memory() -> SortingMemory:
    """Return the memory of the spools of a process, or of a job that is alone in it."""
    return SortingMemory(_MOST_BYTES)


class Spool:
    """Takes records in any order, and yields them once, in the order of entities and keys.

    Records that do not fit in `memory`, which other spools share, are in a temporary file that only
    this process can open and that ends with it. `value_bytes` is the total size of the values, each
    by `size_of`. Raise StreamError if the file cannot be written or read. Close a spool: otherwise
    its memory counts as held forever.
    """

    def __init__(
        self, memory: SortingMemory, size_of: Callable[[Entry], int] = lambda _entry: 0
    ) -> None:
        self._memory = memory
        self._size_of = size_of
        self._sorter = Sorter(Entry, memory=memory, most_parts=_MOST_PARTS, what=_WHAT, hint=_HINT)
        self._first: list[Entry] = []
        self.count = 0
        self.value_bytes = 0

    @property
    def first_keys(self) -> list[str]:
        """The first keys, with their entities, for people."""
        return [key_shown(one.entity, one.key) for one in self._first]

    def add(self, entry: Entry) -> None:
        """Take a record."""
        self.count += 1
        self.value_bytes += self._size_of(entry)
        if len(self._first) < FIRST_KEYS or entry < self._first[-1]:
            insort(self._first, entry)
            del self._first[FIRST_KEYS:]
        self._sorter.add(entry)

    def blocks(self) -> Iterator[Block]:
        """Yield all records, once."""
        return blocks_of(self._sorter.sorted(), _BLOCK_ENTRIES)

    def close(self) -> None:
        """Free the memory, and the space on disk."""
        self._sorter.close()

    async def without(self, others: "Spool") -> tuple["Spool", "Spool"]:
        """Return the records that are not in `others`, and `others`. Both spools are used up.

        Other tasks can run meanwhile.
        """
        new = Spool(self._memory, self._size_of)
        kept = Spool(others._memory, others._size_of)
        try:
            with closing(self), closing(others):
                await self._divide(others, new, kept)
        except BaseException:
            new.close()
            kept.close()
            raise
        return new, kept

    async def _divide(self, others: "Spool", new: "Spool", kept: "Spool") -> None:
        known = paced(others)
        other = await anext(known, None)
        async for entry in paced(self):
            while other is not None and other[:2] < entry[:2]:
                kept.add(other)
                other = await anext(known, None)
            if other is None or other[:2] != entry[:2]:
                new.add(entry)
        while other is not None:
            kept.add(other)
            other = await anext(known, None)


async def paced(spool: Spool) -> AsyncIterator[Entry]:
    """Yield all records of a spool, once. Other tasks can run meanwhile."""
    for block in spool.blocks():
        await asyncio.sleep(0)
        for entry in block:
            yield entry
