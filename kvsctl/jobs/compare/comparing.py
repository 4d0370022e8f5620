"""Compare two sets of records, print their differences, and report."""

import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from itertools import chain
from typing import Self, TypeAlias

import msgspec
from msgspec.structs import replace

from kvsctl import __version__
from kvsctl.bulk.events import Listener, RecordsRead
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.settling.reconcile import EXPIRED
from kvsctl.comparison.entries import Block, FileSide
from kvsctl.comparison.joining import Comparer, join, same_text
from kvsctl.errors import ExitStatus, KvsctlError, StreamError, UsageError
from kvsctl.jobs.compare.collecting import Collector, entries_of
from kvsctl.jobs.compare.comparison_ending import ComparisonEnding
from kvsctl.jobs.compare.printing import DifferencePrinting, Printer
from kvsctl.jobs.compare.reading import (
    Lookup,
    count_absent_as_read,
    counting,
    look_up,
    selected,
)
from kvsctl.jobs.cron.lock import locked
from kvsctl.jobs.cron.time_limit import TimeLimit
from kvsctl.jobs.ending import End, graver
from kvsctl.jobs.job import Reporting, Schedule, Watcher, labels_of
from kvsctl.jobs.progress.showing import Shown, showing_progress
from kvsctl.jobs.replacing import require_replaceable
from kvsctl.jobs.runner import ALONE, Among, Interrupts, NoInterrupts
from kvsctl.jobs.store.copy import SourceCopy
from kvsctl.jobs.store.listing import ListedStore, list_store
from kvsctl.jobs.store.side import StoreSide
from kvsctl.jsonequal import are_equal
from kvsctl.listing.plan import ListingPlan
from kvsctl.records.reader import Reader
from kvsctl.report.console import Environment
from kvsctl.report.document import About, ReportFile
from kvsctl.report.log.start import log_start
from kvsctl.report.progress.following import Input
from kvsctl.report.store.differences import Compared
from kvsctl.shards import Shard

Left: TypeAlias = Reader | ListedStore | SourceCopy
Right: TypeAlias = Reader | ListedStore | StoreSide
"""A side: files, a store to list, a copy of one that was listed for several comparisons, or a store
that is read only for the keys of the left."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two sides to compare.

    `covers`: the part of files, as of a listed store, that is compared; None: all. `shard`: the
    part of the keys that is compared on both sides; None: all of them. `compares_text`: values are
    equal only if their bytes are.
    """

    left: Left
    right: Right
    covers: ListingPlan | None = None
    shard: Shard | None = None
    compares_text: bool = False
    printing: DifferencePrinting = msgspec.field(default_factory=DifferencePrinting)
    reporting: Reporting = msgspec.field(default_factory=Reporting)
    schedule: Schedule = msgspec.field(default_factory=Schedule)
    watcher: Watcher | None = None

    @property
    def command(self) -> str:
        """See Job."""
        return "diff"

    @property
    def stores(self) -> list[StoreSide]:
        """The stores that are compared."""
        sides = [_store_of(self.left), _store_of(self.right)]
        return [side for side in sides if side is not None]

    @property
    def has_network(self) -> bool:
        """See Job."""
        return any(store.target.url is not None for store in self.stores)

    @property
    def labels(self) -> Mapping[str, str]:
        """See Job. The right side is the target, and the left the source."""
        source, target = _store_of(self.left), _store_of(self.right)
        labels = {} if target is None else labels_of(target.target)
        if source is not None:
            labels["source"] = source.target.name
        return labels if self.shard is None else labels | {"shard": str(self.shard)}

    def watched_by(self, watcher: Watcher) -> Self:
        """See Job."""
        return replace(self, watcher=watcher)


def _store_of(side: Left | Right) -> StoreSide | None:
    if isinstance(side, Reader):
        return None
    if isinstance(side, SourceCopy):
        return side.listed.store
    return side.store if isinstance(side, ListedStore) else side


async def compare(
    job: Comparison,
    environment: Environment,
    interrupts: Interrupts | None = None,
    *,
    among: Among = ALONE,
) -> ExitStatus:
    """Compare, print, report, and return the exit status.

    `among`: what it shares with comparisons of other installations. Raise UsageError if something
    cannot be opened, and WorkLeft if another run holds the job's lock; later errors are reported.
    """
    limit = TimeLimit(job.schedule)
    async with locked(job, limit.ends_at, environment):
        return await _carry_out(job, environment, interrupts or NoInterrupts(), limit, among)


async def _carry_out(
    job: Comparison,
    environment: Environment,
    interrupts: Interrupts,
    limit: TimeLimit,
    among: Among,
) -> ExitStatus:
    """Do what `compare` does, with the job's lock held."""
    require_replaceable(job.reporting)
    for store in job.stores:  # refuses what cannot be used, before a file is opened
        store.credentials()
    started, about = time.monotonic(), _about(job)
    report = None if job.reporting.report_path is None else ReportFile(job.reporting.report_path)
    try:
        printer = Printer(job.printing, environment)
        requests = log_start(
            environment, about, is_quiet=job.reporting.quiet, verbosity=job.reporting.verbosity
        )
        comparing = _Comparing(job, printer, interrupts, limit, requests, environment, among)
        error = await comparing.work()
        is_whole = error is None and interrupts.interrupted is None
        error = graver(error, printer.close(is_whole=is_whole))
        if printer.is_unread:
            error = None  # the reader that closed the pipe has read enough
        if isinstance(error, UsageError) and not comparing.counts.compared:
            raise error
        comparing.tally.check_sum()
        elapsed_seconds = time.monotonic() - started
        end = End(error, interrupts.interrupted, elapsed_seconds, is_unread=printer.is_unread)
        compared = Compared(_name(job.left), _name(job.right), comparing.counts)
        ending = ComparisonEnding(
            job.reporting, about, comparing.tally, compared, report, environment, job.watcher
        )
        return ending.publish(end)
    finally:
        if report is not None:
            report.close()


class _Comparing:
    """One comparison while it is carried out."""

    def __init__(
        self,
        job: Comparison,
        printer: Printer,
        interrupts: Interrupts,
        limit: TimeLimit,
        requests: Sequence[Listener],
        environment: Environment,
        among: Among,
    ) -> None:
        self._job = job
        self._among = among
        self._printer = printer
        self._interrupts = interrupts
        self._limit = limit
        self._requests = requests
        self._environment = environment
        self._comparer = Comparer(printer.take, same_text if job.compares_text else are_equal)
        self.counts = self._comparer.counts
        self.tally = Tally()

    async def work(self) -> KvsctlError | None:
        """Compare both sides. Return the error that ended this early, if any."""
        left, right = self._job.left, self._job.right
        try:
            if isinstance(right, StoreSide):
                assert isinstance(left, Reader)  # noqa: S101
                return await self._look_up(left, right)
            with ExitStack() as opened:
                await self._join(left, right, opened)
        except (UsageError, StreamError) as error:
            return error
        except _Ended as ended:
            return ended.error
        return None

    async def _look_up(self, left: Reader, right: StoreSide) -> KvsctlError | None:
        credentials = right.credentials()
        side = self._file_side(left)
        prints_records = self._job.printing.path is None
        source = Input(fraction_read=left.fraction_read)
        with self._showing_progress(right, source, prints_records=prints_records) as shown:
            progress, note = shown
            error = await look_up(
                right,
                credentials,
                Lookup(self._comparer.compare, side.name),
                _part_of(side.blocks(), self._job.shard),
                [self.tally, *self._requests, *progress],
                self._interrupts,
                self._limit,
                note,
                is_written=self._printer.is_written,
                carriers=self._among.carriers,
            )
        count_absent_as_read(self.tally)
        self._count_left_out(side)
        return error

    async def _join(self, left: Left, right: Left, opened: ExitStack) -> None:
        files: list[FileSide] = []
        sides = []
        for side in (left, right):
            if isinstance(side, ListedStore):
                sides.append(await self._listed(side, opened))
                continue
            if isinstance(side, SourceCopy):
                sides.append(entries_of(side, self.tally, time.time()))
                continue
            files.append(self._file_side(side))
            sides.append(selected(_part_of(files[-1].blocks(), self._job.shard), self._job.covers))
        # Unsorted input is sorted here: until that is done, an interrupt ends the process.
        firsts = [next(blocks, ()) for blocks in sides]
        stopper = _Stopper(self._printer)
        try:
            one, other = (
                self._paced(chain([first], blocks), stopper)
                for first, blocks in zip(firsts, sides, strict=True)
            )
            with self._interrupts.stopping(stopper, self._environment.note):
                await join(one, other, self._comparer.compare)
        finally:
            self.tally(RecordsRead(self.counts.compared))
            self.tally.succeeded += self.counts.compared
            for file in files:
                self._count_left_out(file)

    async def _listed(self, side: ListedStore, opened: ExitStack) -> Iterator[Block]:
        collector = Collector(self.tally, self._among.memory)
        opened.callback(collector.close)
        # Nothing is printed yet, so there is room for progress even where differences are printed.
        source = Input(is_listing=True, lists_only=True)
        with self._showing_progress(side.store, source, prints_records=False) as shown:
            progress, note = shown
            listeners: list[Listener] = [collector, *self._requests, *progress]
            error = await list_store(
                side, listeners, self._interrupts, self._limit, note, self._among.carriers
            )
        if error is not None or self._interrupts.interrupted is not None:
            raise _Ended(error)
        return collector.blocks()

    def _showing_progress(
        self, store: StoreSide, source: Input, *, prints_records: bool
    ) -> AbstractContextManager[Shown]:
        is_part = self._environment.display is not None
        return showing_progress(
            self._environment,
            (store.target.installation if is_part else None) or "diff",
            self._job.reporting,
            self.tally,
            store.plan,
            source,
            prints_records=prints_records,
        )

    async def _paced(self, blocks: Iterable[Block], stopper: "_Stopper") -> AsyncIterator[Block]:
        """Yield the blocks of a side, no faster than their differences are written.

        Raise _Ended once the comparison is stopped.
        """
        for block in blocks:
            await self._printer.written()
            if stopper.is_stopped:
                raise _Ended(None)
            yield block

    def _file_side(self, reader: Reader) -> FileSide:
        """Return files as a side. Compared with a store, their expired records count as absent."""
        now = time.time() if self._job.stores else None
        return FileSide(reader, counting(self.tally), self._among.memory, now=now)

    def _count_left_out(self, side: FileSide) -> None:
        tally = self.tally
        tally(RecordsRead(side.duplicates + side.expired))
        tally.duplicates += side.duplicates
        if side.expired:
            tally.skipped += side.expired
            tally.skipped_by[EXPIRED] += side.expired


class _Stopper:
    """Notes that a comparison must stop: see `jobs.signals.Stoppable`. It sends no requests."""

    in_flight = 0

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self.is_stopped = False

    def stop(self) -> None:
        """Stop before the next block."""
        self.is_stopped = True
        self._printer.stop()

    def abort(self) -> None:
        """Do the same: there is nothing to cut off."""
        self.stop()


class _Ended(Exception):
    """The comparison cannot continue: it would show existing records as missing.

    `error` ended it, such as that of a store that could not be listed; None: an interrupt did.
    """

    def __init__(self, error: KvsctlError | None) -> None:
        super().__init__()
        self.error = error


def _part_of(blocks: Iterator[Block], shard: Shard | None) -> Iterator[Block]:
    if shard is None:
        return blocks
    return (
        [one for one in block if shard.has_key(one.entity or None, one.key)] for block in blocks
    )


def _about(job: Comparison) -> About:
    right = _store_of(job.right)
    target = _name(job.right) if right is None else right.target.display
    path = None if right is None else right.target.local_path
    local_path = None if path is None else str(path)
    shard = None if job.shard is None else str(job.shard)
    return About("diff", target, __version__, datetime.now(UTC), local_path, shard=shard)


def _name(side: Left | Right) -> str:
    return FileSide(side, lambda _: None).name if isinstance(side, Reader) else side.name
