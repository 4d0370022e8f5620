"""The entries of files: each identity once, in the order of entities and keys."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice, repeat
from operator import itemgetter, le
from typing import Final, NamedTuple, TypeAlias

from kvsctl.comparison.memory import SortingMemory
from kvsctl.comparison.sorting import Sorter
from kvsctl.errors import StreamError, UsageError, WorkLeft
from kvsctl.jsontext import members
from kvsctl.model import PieceList, Problem, Record
from kvsctl.records.reader import Reader
from kvsctl.records.ttl import expire_time_text, parse_expire_time
from kvsctl.slabs import Slab


class Entry(NamedTuple):
    """A record of one side. `entity` is "" for plain keys. `body` is its set-ready JSON.

    Entries are in the order of `entity`, then of `key`, by code points: as the service lists keys.
    """

    entity: str
    key: str
    body: bytes


Block: TypeAlias = Sequence[Entry]
"""Entries that are next to each other."""

_BLOCK_ENTRIES: Final = 1000
_order = itemgetter(0, 1)


class FileSide:
    """Files as one side of a comparison.

    If an identity occurs more than once, its last record counts, as for `set`; `duplicates` counts
    the others. Each problem is passed to `on_problem` once. `memory` bounds the memory for input
    that is not in order; None: a bound of its own.

    `now`, in epoch seconds: records that have expired by then are left out, and `expired` counts
    them. A comparison with a store needs that: `set` would skip them, and the store lacks them.
    None: all stay.

    `is_stopped` is asked before each list of the reader; once it returns True, reading raises
    WorkLeft. So what is read in a thread ends soon after the comparison.
    """

    def __init__(
        self,
        reader: Reader,
        on_problem: Callable[[Problem], None],
        memory: SortingMemory | None = None,
        *,
        now: float | None = None,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._reader = reader
        self._memory = memory
        self._on_problem = on_problem
        self._now = now
        self._is_stopped = is_stopped
        self.duplicates = 0
        self.expired = 0

    @property
    def name(self) -> str:
        """The names of the files."""
        return ", ".join(source.label for source in self._reader.sources)

    def blocks(self) -> Iterator[Block]:
        """Yield all entries in their order, and an empty block where others came to nothing.

        Input that is in order is not held in memory; other input is sorted, on disk if it is large.
        Only files that can be read twice are checked for order. Raise UsageError or StreamError if
        reading fails.
        """
        if all(source.is_rereadable for source in self._reader.sources) and self._is_sorted():
            yield from self._present(self._in_order())
            return
        sorter = Sorter(Entry, memory=self._memory)
        try:
            for block in self._read():
                for entry in block:
                    sorter.add(entry)
            yield from self._present(blocks_of(sorter.sorted()))
        finally:
            sorter.close()

    def _is_sorted(self) -> bool:
        """Return whether the files are in order. Raise UsageError if they cannot be read."""
        last: tuple[str, str] | None = None
        try:
            for pieces in self._lists():
                block = _entries(pieces)
                if not _follows(last, block):
                    return False
                last = _order(block[-1]) if block else last
        except StreamError as error:
            raise UsageError(error.message, error.hint) from error
        return True

    def _in_order(self) -> Iterator[Block]:
        last: tuple[str, str] | None = None
        for block in self._read():
            if not _follows(last, block):
                raise StreamError("the input changed while it was read: it was in order before")
            last = _order(block[-1]) if block else last
            yield block

    def _read(self) -> Iterator[Block]:
        for pieces in self._lists():
            if not isinstance(pieces, Slab):  # a slab has no problems
                for piece in pieces:
                    if isinstance(piece, Problem):
                        self._on_problem(piece)
            yield _entries(pieces)

    def _lists(self) -> Iterator[PieceList]:
        for pieces in self._reader:
            if self._is_stopped():
                raise WorkLeft("the comparison was stopped", "Compare again.")
            yield pieces

    def _present(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Yield blocks without duplicates and without expired records."""
        now = self._now
        for block in self._without_duplicates(blocks):
            if now is None:
                yield block
                continue
            kept = [one for one in block if not has_expired(one, now)]
            self.expired += len(block) - len(kept)
            yield kept

    def _without_duplicates(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Yield blocks of the last entry of each identity."""
        held: list[Entry] = []
        for block in blocks:
            together = [*held, *block]
            last = {(entity, key): body for entity, key, body in together}
            self.duplicates += len(together) - len(last)
            entries = [Entry(*identity, body) for identity, body in last.items()]
            held = entries[-1:]
            yield entries[:-1]
        if held:
            yield held


def _entries(pieces: PieceList) -> list[Entry]:
    if isinstance(pieces, Slab) and pieces.entities is None and pieces.expiries is None:
        return list(map(Entry, repeat(""), pieces.keys, pieces.bodies))
    return [
        Entry(piece.identity.entity or "", piece.identity.key, set_ready(piece))
        for piece in pieces
        if isinstance(piece, Record)
    ]


def set_ready(record: Record) -> bytes:
    """Return the JSON of a record for set: with its expiry, if it has one."""
    if record.expires_at is None:
        return record.body
    expire_time = expire_time_text(record.expires_at).encode()
    return b'%b,"expireTime":"%b"}' % (record.body[:-1], expire_time)


def has_expired(entry: Entry, now: float) -> bool:
    """Return whether a record has an expiry, and it has passed. `now`: epoch seconds."""
    if b'"expireTime"' not in entry.body or "expireTime" not in (found := members(entry.body)):
        return False
    expires_at = parse_expire_time(json.loads(found["expireTime"]))
    return isinstance(expires_at, datetime) and expires_at.timestamp() <= now


def _follows(last: tuple[str, str] | None, block: Sequence[Entry]) -> bool:
    """Return whether a block is in order and follows `last`."""
    keys = list(map(_order, block))
    if last is not None and keys and keys[0] < last:
        return False
    return all(map(le, keys, islice(keys, 1, None)))


def blocks_of(entries: Iterator[Entry], most: int = _BLOCK_ENTRIES) -> Iterator[Block]:
    """Yield entries in blocks of at most `most`."""
    while block := list(islice(entries, most)):
        yield block
