"""Sort entries in bounded memory: sorted parts in temporary files, merged as they are read."""

import heapq
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from operator import itemgetter
from typing import Final, Generic, TypeVar

from kvsctl.comparison.memory import SortingMemory
from kvsctl.comparison.pages import PAGE_BYTES, Part
from kvsctl.comparison.texts import Plain, entries_in, texts_of
from kvsctl.errors import StreamError

_E = TypeVar("_E", bound=Plain)

_MOST_BYTES: Final = 48 << 20
"""How much a sorter that shares no memory holds before it is written to a file."""
_ENTRY_BYTES: Final = 300
"""The approximate memory that an entry takes without its body."""
_MOST_PARTS: Final = 64
"""How many parts are merged at a time: each takes a page of memory."""
_ENTRIES_PER_RELEASE: Final = 200
"""Entries that are read from memory are released together."""
_order = itemgetter(0, 1)


class Sorter(Generic[_E]):
    """Takes entries in any order, and yields them in the order of their first two parts.

    Equal ones keep their order. Entries that do not fit in `memory`, which other sorters may share,
    go to its temporary file, which is removed when the process ends. `make` makes an entry from
    what was read back. Raise StreamError if a file cannot be written or read: its message names
    what is sorted (`what`), and `hint` is its hint.
    """

    def __init__(
        self,
        make: Callable[[str, str, bytes], _E],
        *,
        memory: SortingMemory | None = None,
        most_parts: int = _MOST_PARTS,
        what: str = "the input",
        hint: str = "Set TMPDIR to a folder with more space, or sort the input before.",
    ) -> None:
        self._make = make
        self._memory = SortingMemory(_MOST_BYTES) if memory is None else memory
        self._most_parts = most_parts
        self._what = what
        self._hint = hint
        self._levels: list[list[Part]] = []
        """The parts on disk. The parts of a level are merged into one part of the next level."""
        self._held: list[_E] = []
        self._error: StreamError | None = None
        self.held_bytes = 0

    def add(self, entry: _E) -> None:
        """Take an entry."""
        memory = self._memory
        if not self._held:
            memory.enter(self)
        self._held.append(entry)
        size = len(entry[2]) + _ENTRY_BYTES
        self.held_bytes += size
        memory.held_bytes += size
        if memory.held_bytes >= memory.limit_bytes:
            memory.make_room()
            self._require_whole()

    def sorted(self) -> Iterator[_E]:
        """Yield all entries in order, once."""
        self._require_whole()
        self._memory.leave(self)
        self._held.sort(key=_order)
        try:
            if not self._levels:
                yield from self._released()
                return
            # A part of a higher level is older.
            parts = [part for level in reversed(self._levels) for part in level]
            self._take(len(parts) * PAGE_BYTES)
            runs: list[Iterable[Plain]] = [*map(_read, parts), self._released()]
            with self._raising_stream_error():
                for entity, key, body in heapq.merge(*runs, key=_order):
                    yield self._make(entity, key, body)
        finally:
            self.close()

    def close(self) -> None:
        """Free the memory, and the space on disk."""
        self._forget_held()
        for level in self._levels:
            _close(level)
        self._levels.clear()

    def move_to_disk(self) -> None:
        """See Holder. The next call that needs the lost entries raises the error."""
        try:
            with self._raising_stream_error():
                self._held.sort(key=_order)
                self._keep(self._memory.pages.written(texts_of(self._held)), 0)
        except StreamError as error:
            self._error = error
        self._forget_held()

    def _keep(self, part: Part, level: int) -> None:
        """Keep a part. Merge the parts of its level if there are many."""
        if level == len(self._levels):
            self._levels.append([])
        parts = self._levels[level]
        parts.append(part)
        if len(parts) >= self._most_parts:
            merged = heapq.merge(*map(_read, parts), key=_order)
            whole = self._memory.pages.written(texts_of(merged))
            parts.clear()
            self._keep(whole, level + 1)

    def _released(self) -> Iterator[_E]:
        """Yield the entries in memory, and release them meanwhile."""
        self._held.reverse()
        while self._held:
            entries = self._held[-_ENTRIES_PER_RELEASE:]
            del self._held[-_ENTRIES_PER_RELEASE:]
            entries.reverse()
            self._release(sum(len(entry[2]) + _ENTRY_BYTES for entry in entries))
            yield from entries

    def _forget_held(self) -> None:
        self._memory.leave(self)
        self._held = []
        self._release(self.held_bytes)

    def _take(self, size: int) -> None:
        self.held_bytes += size
        self._memory.held_bytes += size

    def _release(self, size: int) -> None:
        self.held_bytes -= size
        self._memory.release(size)

    def _require_whole(self) -> None:
        """Raise StreamError if entries were lost."""
        if self._error is not None:
            raise self._error

    @contextmanager
    def _raising_stream_error(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StreamError(
                f"cannot sort {self._what} in {tempfile.gettempdir()}: {error.strerror}",
                self._hint,
            ) from error


def _read(part: Part) -> Iterator[Plain]:
    return entries_in(part.opened())


def _close(parts: Iterable[Part]) -> None:
    for part in parts:
        part.close()
