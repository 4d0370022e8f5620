"""Compare a store with another one or with a file: the differences arrive as data."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from kvsctl.backups.checking import require_matching
from kvsctl.bulk.events import Event, Listener
from kvsctl.bulk.feeds import ReadyFeed
from kvsctl.bulk.run import Run
from kvsctl.bulk.settling.reconcile import ReadPolicy
from kvsctl.client.options import Covered
from kvsctl.client.results import FailedRecord, ResultCollector
from kvsctl.client.session import Session
from kvsctl.client.stream import Arrivals, Arriving
from kvsctl.comparison.entries import Block, Entry, FileSide
from kvsctl.comparison.joining import Comparer, Counts, Difference, join, same_text, value_of
from kvsctl.errors import KvsctlError, WorkLeft
from kvsctl.jobs.compare.collecting import Collector
from kvsctl.jobs.compare.reading import Lookup, counting, lookup_run, reader_of, selected
from kvsctl.jsonequal import are_equal
from kvsctl.listing.run import ListingRun
from kvsctl.model import Problem
from kvsctl.records.formats import Forms
from kvsctl.service.daemon_thread import in_daemon_thread
from kvsctl.service.wire import MetadataRequest

ChangeName: TypeAlias = Literal["added", "changed", "missing"]
"""How a record differs. Added: only the client's store has it; missing: only the other side has."""
Collected: TypeAlias = Callable[[Covered, Listener], Awaitable[Collector]]
"""Lists the other store of a comparison, perhaps on another event loop.

The listener receives the events of requests, and of records that could not be read.
"""

_EXPIRES: Final = MetadataRequest(expires=True)
_RECORD_BYTES: Final = 300
"""The approximate size of a difference without its values."""
_PROBLEMS_AT_ONCE: Final = 1000
"""How many problems are counted before the loop gets a turn: each takes a few microseconds."""


class DifferentRecord(msgspec.Struct, frozen=True, gc=False):
    """A record that differs. `left_json` is its value in the file or the other store.

    `right_json` is its value in the store of the client. A side that lacks the record has None.
    """

    change: ChangeName
    key: str
    entity: str | None
    left_json: bytes | None
    right_json: bytes | None

    @property
    def left_value(self) -> Any:
        """The value on the left, decoded on each access; None if that side lacks the record."""
        return None if self.left_json is None else json.loads(self.left_json)

    @property
    def right_value(self) -> Any:
        """The value on the right, decoded on each access; None if that side lacks the record."""
        return None if self.right_json is None else json.loads(self.right_json)


class Comparing:
    """A comparison while it is carried out: see `session.Stoppable`.

    `left` is a file or another store. `covered` is the part of both sides that is compared; None:
    the keys of the file. `compares_text`: values are equal only if their bytes are.
    """

    def __init__(
        self,
        session: Session,
        left: Path | Collected,
        covered: Covered | None,
        entity: str | None,
        listeners: Sequence[Listener],
        *,
        compares_text: bool,
        ignores_manifest: bool,
    ) -> None:
        self._session = session
        self._left = left
        self._covered = covered
        self._entity = entity
        self._listeners = listeners
        self._ignores_manifest = ignores_manifest
        self.arrivals: Final = Arrivals[DifferentRecord]()
        self._comparer = Comparer(self._take, same_text if compares_text else are_equal)
        self._failures = ResultCollector()
        self._problems: list[Problem] = []
        self._side: FileSide | None = None
        self._room = asyncio.Event()
        self._run: Run | None = None
        self._task: asyncio.Task[Any] | None = None
        self._is_aborted = False

    @property
    def counts(self) -> Counts:
        """How many identities were compared so far, and how they differ."""
        return self._comparer.counts

    @property
    def failures(self) -> Sequence[FailedRecord]:
        """The records that could not be read, and so were not compared."""
        return self._failures.failures

    @property
    def duplicates(self) -> int:
        """How many records of the file a later one of the same key supersedes."""
        return 0 if self._side is None else self._side.duplicates

    def abort(self) -> None:
        """See Stoppable."""
        self._is_aborted = True
        if self._run is not None:
            self._run.abort()
        if self._task is not None:
            self._task.cancel()

    def wake(self) -> None:
        """See Stoppable."""
        self._room.set()
        if self._run is not None:
            self._run.wake()

    async def work(self) -> KvsctlError | None:
        """Compare both sides. Return the error that ended this early, if any.

        After `abort`, return None: its caller knows why this ended.
        """
        self._task = asyncio.current_task()
        error = None
        try:
            if self._covered is None:
                error = await self._look_up(await self._opened_file())
            else:
                await self._join(self._covered)
        except KvsctlError as raised:
            error = raised
        except asyncio.CancelledError:
            if not self._is_aborted:
                raise
        return None if self._is_aborted else error

    async def _look_up(self, side: FileSide) -> KvsctlError | None:
        session = self._session
        policy = ReadPolicy(ignore_missing=True, skip_expired=True)
        lookup = Lookup(self._comparer.compare, side.name)
        self._run = run = lookup_run(
            replace(session.opening.plan, read_policy=policy),
            session.asking(_EXPIRES),
            lookup,
            [self._note, *self._listeners],
            is_written=lambda _: not self.arrivals.is_full,
            pacer=session.pacer,
        )
        error = await run.work(ReadyFeed(lookup.records(await self._read(side.blocks()))))
        lookup.close()
        return error

    async def _join(self, covered: Covered) -> None:
        if isinstance(self._left, Path):
            side = await self._opened_file()
            plan = covered.plan(self._session.opening.plan, in_order=False)
            left = None
            lefts = selected(side.blocks(), plan)
        else:
            left = await self._left(covered, self._note)
            lefts = left.blocks()
        try:
            right = await collected(self._session, covered, self._note, self._listeners)
            try:
                ones, others = self._paced(lefts), self._paced(right.blocks())
                await join(ones, others, self._comparer.compare)
            finally:
                right.close()
        finally:
            if left is not None:
                left.close()

    async def _opened_file(self) -> FileSide:
        assert isinstance(self._left, Path)  # noqa: S101
        path = self._left
        if not self._ignores_manifest:
            await in_daemon_thread(lambda: require_matching([path], lambda: self._is_aborted))
        reader = reader_of([path], Forms(), self._entity)
        self._side = FileSide(
            reader, self._problems.append, now=time.time(), is_stopped=lambda: self._is_aborted
        )
        return self._side

    async def _read(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """Return blocks, the first of which is read in a thread.

        Reading it may mean reading and sorting all input, which would block the loop. Each of the
        others is read in a few milliseconds, and a thread for them takes more time than it saves.
        """
        first = await in_daemon_thread(lambda: next(blocks, ()))  # a pipe may be silent for long
        return self._noted(chain([first], blocks))

    def _noted(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """Yield blocks, and count the problems that were found in them.

        They are counted here, on the loop: the first block may have been read in another thread.
        After many problems, yield an empty block, so that the loop gets a turn.
        """
        note = counting(self._note)
        block: Block | None = ()
        while block is not None:
            block = next(blocks, None)
            problems, self._problems[:] = [*self._problems], []
            for start in range(0, len(problems), _PROBLEMS_AT_ONCE):
                for problem in problems[start : start + _PROBLEMS_AT_ONCE]:
                    note(problem)
                yield ()
            if block is not None:
                yield block

    async def _paced(self, blocks: Iterator[Block]) -> AsyncIterator[Block]:
        """Yield blocks, no faster than the caller takes their differences."""
        for block in await self._read(blocks):
            await asyncio.sleep(0)
            while self.arrivals.is_full:
                self._room.clear()
                await self._room.wait()
            yield block

    def _take(self, difference: Difference) -> None:
        left, right = _value_of(difference.left), _value_of(difference.right)
        entry = difference.entry
        record = DifferentRecord(
            difference.change.value, entry.key, entry.entity or None, left, right
        )
        self.arrivals.add([record], _RECORD_BYTES + len(left or b"") + len(right or b""))

    def _note(self, event: Event) -> None:
        self._failures.tally(event)
        self._failures(event)


def _value_of(entry: Entry | None) -> bytes | None:
    return None if entry is None else value_of(entry.body)


async def collected(
    session: Session, covered: Covered, note: Listener, listeners: Sequence[Listener]
) -> Collector:
    """List the covered part of a store. Raise KvsctlError if that cannot be finished."""
    plan = session.opening.plan
    collector = Collector(note)
    run = ListingRun(
        replace(covered, skips_expired=True).plan(plan, in_order=False),
        plan,
        session.asking(_EXPIRES),
        [collector, *listeners],
        pacer=session.pacer,
    )
    try:
        with session.working(run):
            error = await run.work()
        error = error or session.cut_off_error(run)
        if error is None and run.is_cut_short:
            error = WorkLeft("the listing was stopped", "Compare again.")
        if error is not None:
            raise error
    except BaseException:
        run.abort()
        collector.close()
        raise
    return collector


class AsyncDifferences(Arriving[DifferentRecord]):
    """The differences of a comparison, for `async for`, once.

    The counts are complete once all differences have been taken.
    """

    def __init__(
        self, comparing: Comparing, lists: AsyncGenerator[Sequence[DifferentRecord], None]
    ) -> None:
        super().__init__(lists)
        self._comparing = comparing

    @property
    def counts(self) -> Counts:
        """How many records are `equal`, `added`, `changed` and `missing` so far."""
        return self._comparing.counts

    @property
    def failures(self) -> Sequence[FailedRecord]:
        """The records that could not be read, and so were not compared."""
        return self._comparing.failures

    @property
    def duplicates(self) -> int:
        """How many records of the file a later one of the same key supersedes."""
        return self._comparing.duplicates


class Differences:
    """The differences of a comparison, for `for`, once. The rest is as in `AsyncDifferences`."""

    def __init__(self, differences: AsyncDifferences, records: Iterator[DifferentRecord]) -> None:
        self._differences = differences
        self._records = records

    def __iter__(self) -> Iterator[DifferentRecord]:
        return self._records

    @property
    def counts(self) -> Counts:
        """See AsyncDifferences."""
        return self._differences.counts

    @property
    def failures(self) -> Sequence[FailedRecord]:
        """See AsyncDifferences."""
        return self._differences.failures

    @property
    def duplicates(self) -> int:
        """See AsyncDifferences."""
        return self._differences.duplicates
