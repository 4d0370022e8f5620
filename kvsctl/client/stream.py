"""Results that wait, in lists, until the caller takes them; those of reads in input order."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from itertools import chain, repeat
from typing import Final, Generic, NamedTuple, Self, TypeAlias, TypeVar

from kvsctl.bulk.events import Event, Settled
from kvsctl.bulk.outcomes.in_order import Reorder
from kvsctl.bulk.plan import Pressure
from kvsctl.client.results import FailedRecord, StoredRecord, failed_record
from kvsctl.model import Outcome
from kvsctl.slabs import FoundSlab, Slab, Successes

ReadRecord: TypeAlias = StoredRecord | FailedRecord
"""A record that was read, or why it could not be."""

_T = TypeVar("_T")
_MOST_AHEAD_BYTES: Final = 16_000_000
"""How many bytes may wait for the caller, or for an earlier record."""
_ENOUGH_RECORDS: Final = 4000
_ENOUGH_BYTES: Final = 1_000_000
"""How much is worth waking the caller for, which may be in another thread."""
_MOMENT_SECONDS: Final = 0.005
_LONG_MOMENT_SECONDS: Final = 0.02
"""How long what has arrived waits for more: longer after a list of `_MANY_RECORDS`."""
_MANY_RECORDS: Final = 1000
_RECORD_BYTES: Final = 200
"""The approximate size of a record without its value."""


class Arrivals(Generic[_T]):
    """Results that the caller has not taken yet. Add nothing while it `is_full`."""

    def __init__(self) -> None:
        self._lists: deque[Sequence[_T]] = deque()
        self._count = 0
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._has_enough = asyncio.Event()
        self._moment_seconds = _MOMENT_SECONDS
        self._has_ended = False

    @property
    def is_full(self) -> bool:
        """Whether the caller must take something before more is added."""
        return self._bytes >= _MOST_AHEAD_BYTES

    def add(self, some: Sequence[_T], size: int) -> None:
        """Add results that take `size` bytes."""
        self._lists.append(some)
        self._count += len(some)
        self._bytes += size
        self._arrived.set()
        if self._count >= _ENOUGH_RECORDS or self._bytes >= _ENOUGH_BYTES:
            self._has_enough.set()

    def end(self) -> None:
        """Note that nothing more arrives."""
        self._has_ended = True
        self.nudge()

    def nudge(self) -> None:
        """Wake the caller, even if nothing has arrived."""
        self._arrived.set()
        self._has_enough.set()

    async def next(self) -> Sequence[_T] | None:
        """Return what has arrived, once there is something or after a nudge; None at the end."""
        await self._arrived.wait()
        if not self._has_enough.is_set():
            try:
                async with asyncio.timeout(self._moment_seconds):
                    await self._has_enough.wait()
            except TimeoutError:
                pass
        if self._has_ended:
            if not self._lists:
                return None
        else:
            self._arrived.clear()
            self._has_enough.clear()
        some = self._lists[0] if len(self._lists) == 1 else [*chain.from_iterable(self._lists)]
        is_quick = self._count >= _MANY_RECORDS
        self._moment_seconds = _LONG_MOMENT_SECONDS if is_quick else _MOMENT_SECONDS
        self._lists.clear()
        self._count = self._bytes = 0
        return some


class Arriving(Generic[_T]):
    """Results for the caller, one by one: for `async for`, once.

    It is not an async generator: a loop that ends closes all async generators at the same time,
    which fails where one contains another.
    """

    def __init__(self, lists: AsyncGenerator[Sequence[_T], None]) -> None:
        self.lists: Final = lists
        self._some: Iterator[_T] = iter(())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _T:
        for one in self._some:
            return one
        async for some in self.lists:
            self._some = iter(some)
            for one in self._some:
                return one
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Cut off the requests. Nothing more arrives."""
        self._some = iter(())
        await self.lists.aclose()


class _Read(NamedTuple):
    """Records at consecutive positions, and how many bytes they take."""

    records: Sequence[ReadRecord]
    size: int


class Stream(Arrivals[ReadRecord]):
    """A listener that passes on what was read, in input order. The run waits for the caller."""

    wants = frozenset({Settled})

    def __init__(self) -> None:
        super().__init__()
        self._reorder: Reorder[_Read] = Reorder(_size)

    def __call__(self, event: Event) -> None:
        """Take what was read."""
        if not isinstance(event, Settled):
            return
        outcomes, released = event.outcomes, []
        if (
            isinstance(outcomes, Successes)
            and isinstance(slab := outcomes.records, Slab)
            and isinstance(outcomes.found, FoundSlab)
        ):  # true of nearly all records
            start, stop = slab.position, slab.position + len(slab.keys)
            released = self._reorder.add(start, _read_slab(slab, outcomes.found), stop)
        else:
            for outcome in outcomes:
                released += self._reorder.add(outcome.position, _read_record(outcome))
        for read in released:
            self.add(read.records, read.size)

    def pressure(self) -> Pressure:
        """Return the pressure: whether more may be read."""
        if self.is_full:
            return Pressure.STOP
        is_held = self._reorder.held_bytes >= _MOST_AHEAD_BYTES
        return Pressure.OLDEST_ONLY if is_held else Pressure.NONE


def _size(read: _Read) -> int:
    return read.size


def _read_slab(slab: Slab, found: FoundSlab) -> _Read:
    if found.is_compact:
        joined = b"\n".join(found.values)  # copying and cutting all at once is faster
        texts, size = joined.split(b"\n"), len(joined)
    else:
        texts = [*map(bytes, found.values)]
        size = sum(map(len, texts))
    positions = range(slab.position, slab.position + len(texts))
    records = [
        *map(
            StoredRecord,
            positions,
            slab.keys,
            slab.entities or repeat(None),
            texts,
            found.created_at or repeat(None),
            found.updated_at or repeat(None),
            found.expire_times or repeat(None),
        )
    ]
    return _Read(records, _RECORD_BYTES * len(texts) + size)


def _read_record(outcome: Outcome) -> _Read | None:
    """Return what the caller gets for a read; None if nothing, such as after a stop."""
    if outcome.failure is not None:
        return _Read([failed_record(outcome, outcome.failure)], _RECORD_BYTES)
    found, identity = outcome.found, outcome.subject.identity
    if found is None or identity is None:
        return None
    record = StoredRecord(
        outcome.position,
        identity.key,
        identity.entity,
        found.value,
        found.created_at,
        found.updated_at,
        found.expire_time,
    )
    return _Read([record], _RECORD_BYTES + len(found.value))
