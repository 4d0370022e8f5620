"""The records that were chosen, on disk if there are many."""

import asyncio
from bisect import insort
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from typing import Final

from kvsctl.comparison.entries import Block, Entry, blocks_of
from kvsctl.comparison.sorting import Sorter
from kvsctl.jobs.question import FIRST_KEYS, key_shown

_MOST_BYTES: Final = 16 << 20
"""How much of a spool is in memory before it is written to a file."""
_WHAT: Final = "what was listed"
_HINT: Final = "Set TMPDIR to a folder with more space."


class Spool:
    """Takes records in any order, and yields them once, in the order of entities and keys.

    What does not fit in memory is in temporary files that no other process can open, and that end
    with this one. `value_bytes` is what the values take together, each by `size_of`. Raise
    StreamError if a file cannot be written or read.
    """

    def __init__(self, size_of: Callable[[Entry], int] = lambda _entry: 0) -> None:
        self._size_of = size_of
        self._sorter = Sorter(Entry, most_bytes=_MOST_BYTES, what=_WHAT, hint=_HINT)
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
        return blocks_of(self._sorter.sorted())

    def close(self) -> None:
        """Remove the temporary files."""
        self._sorter.close()

    async def without(self, others: "Spool") -> tuple["Spool", "Spool"]:
        """Return the records that are not in `others`, and `others`. Both spools are used up.

        Other tasks get turns meanwhile.
        """
        new, kept = Spool(self._size_of), Spool(others._size_of)
        with closing(self), closing(others):
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
        return new, kept


async def paced(spool: Spool) -> AsyncIterator[Entry]:
    """Yield all records of a spool, once. Other tasks get turns meanwhile."""
    for block in spool.blocks():
        await asyncio.sleep(0)
        for entry in block:
            yield entry
