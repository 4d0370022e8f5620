"""Compare two sets of records, print their differences, and report."""

import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from typing import TypeAlias

import msgspec

from kvsctl import __version__
from kvsctl.bulk.events import Listener, RecordsRead
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.comparison.entries import Block, FileSide
from kvsctl.comparison.joining import Comparer, join, same_text
from kvsctl.errors import ExitStatus, KvsctlError, StreamError, UsageError
from kvsctl.files.raw import write_all
from kvsctl.jobs.compare.collecting import Collector
from kvsctl.jobs.compare.printing import DifferencePrinting, Printer
from kvsctl.jobs.compare.progress import Shown, showing_progress
from kvsctl.jobs.compare.reading import (
    Lookup,
    count_absent_as_read,
    counting,
    look_up,
)
from kvsctl.jobs.connect import credentials_of
from kvsctl.jobs.cron.time_limit import TimeLimit
from kvsctl.jobs.ending import End, exit_status, graver
from kvsctl.jobs.job import Reporting
from kvsctl.jobs.replacing import require_replaceable
from kvsctl.jobs.runner import Interrupts, NoInterrupts
from kvsctl.jobs.store.listing import ListedStore, list_store
from kvsctl.jobs.store.side import StoreSide
from kvsctl.jsonequal import are_equal
from kvsctl.listing.plan import ListingPlan
from kvsctl.records.reader import Reader
from kvsctl.report.console import Environment
from kvsctl.report.document import About, ReportFile, report_document
from kvsctl.report.schema import document_line
from kvsctl.report.store.differences import Compared, difference_summary
from kvsctl.shards import Shard

Left: TypeAlias = Reader | ListedStore
Right: TypeAlias = Reader | ListedStore | StoreSide
"""A side: files, a store that is listed, or one that is only asked for the keys of the left."""


class Comparison(msgspec.Struct, frozen=True):
    """Two sides to compare.

    `covers`: what of files is compared, as it is of a store that is listed; None: all.
    `shard`: the part of the keys that is compared of both sides; None: all of them.
    `compares_text`: values are equal only if their bytes are.
    """

    left: Left
    right: Right
    covers: ListingPlan | None = None
    shard: Shard | None = None
    compares_text: bool = False
    printing: DifferencePrinting = msgspec.field(default_factory=DifferencePrinting)
    reporting: Reporting = msgspec.field(default_factory=Reporting)


def stores_of(job: Comparison) -> list[StoreSide]:
    """Return the stores that are compared."""
    sides = [
        side.store if isinstance(side, ListedStore) else side for side in (job.left, job.right)
    ]
    return [side for side in sides if isinstance(side, StoreSide)]


async def compare(
    job: Comparison, environment: Environment, interrupts: Interrupts | None = None
) -> ExitStatus:
    """Compare, print, report, and return the exit status.

    Raise UsageError if something cannot be opened; what goes wrong later is reported.
    """
    require_replaceable(job.reporting)
    started, about = time.monotonic(), _about(job)
    interrupts = interrupts or NoInterrupts()
    report = None if job.reporting.report_path is None else ReportFile(job.reporting.report_path)
    try:
        printer = Printer(job.printing, environment)
        with _progress(job, environment) as shown:
            comparing = _Comparing(job, printer, interrupts, shown)
            error = await comparing.work()
        is_whole = error is None and interrupts.interrupted is None
        error = graver(error, printer.close(is_whole=is_whole))
        if printer.is_unread:
            error = None  # whoever closed the pipe has read enough
        if isinstance(error, UsageError) and not comparing.counts.compared:
            raise error
        comparing.tally.check_sum()
        elapsed_seconds = time.monotonic() - started
        end = End(error, interrupts.interrupted, elapsed_seconds, is_unread=printer.is_unread)
        compared = Compared(_name(job.left), _name(job.right), comparing.counts)
        return _report(job, about, comparing.tally, compared, end, report, environment)
    finally:
        if report is not None:
            report.close()


def _progress(job: Comparison, environment: Environment) -> AbstractContextManager[Shown]:
    reporting, printing = job.reporting, job.printing
    is_silenced = reporting.quiet or reporting.as_json or not stores_of(job)
    prints_records = printing.path is None
    return showing_progress(
        environment, "diff", is_silenced=is_silenced, prints_records=prints_records
    )


class _Comparing:
    """One comparison while it is carried out."""

    def __init__(
        self, job: Comparison, printer: Printer, interrupts: Interrupts, shown: Shown
    ) -> None:
        self._job = job
        self._printer = printer
        self._interrupts = interrupts
        limits = (one.max_duration_seconds for one in stores_of(job))
        self._limit = TimeLimit(min((one for one in limits if one is not None), default=None))
        self._listeners, self._tell = shown
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
        except _ListingEnded as ended:
            return ended.error
        return None

    async def _look_up(self, left: Reader, right: StoreSide) -> KvsctlError | None:
        credentials = credentials_of(right.target, allow_http=right.allow_http)
        side = FileSide(left, counting(self.tally))
        error = await look_up(
            right,
            credentials,
            Lookup(self._comparer.compare, side.name),
            _part_of(side.blocks(), self._job.shard),
            [self.tally, *self._listeners],
            self._interrupts,
            self._limit,
            self._tell,
            is_written=self._printer.is_written,
        )
        count_absent_as_read(self.tally)
        self._count_duplicates(side)
        return error

    async def _join(self, left: Left, right: Left, opened: ExitStack) -> None:
        files: list[FileSide] = []
        sides = []
        for side in (left, right):
            if isinstance(side, ListedStore):
                sides.append(await self._listed(side, opened))
                continue
            files.append(FileSide(side, counting(self.tally)))
            sides.append(_selected(_part_of(files[-1].blocks(), self._job.shard), self._job.covers))
        try:
            one, other = (self._paced(blocks) for blocks in sides)
            await join(one, other, self._comparer.compare)
        finally:
            self.tally(RecordsRead(self.counts.compared))
            self.tally.succeeded += self.counts.compared
            for file in files:
                self._count_duplicates(file)

    async def _listed(self, side: ListedStore, opened: ExitStack) -> Iterator[Block]:
        collector = Collector(self.tally)
        opened.callback(collector.close)
        listeners: list[Listener] = [collector, *self._listeners]
        error = await list_store(side, listeners, self._interrupts, self._limit, self._tell)
        if error is not None or self._interrupts.interrupted is not None:
            raise _ListingEnded(error)
        return collector.blocks()

    async def _paced(self, blocks: Iterable[Block]) -> AsyncIterator[Block]:
        """Yield the blocks of a side, no faster than their differences are written."""
        for block in blocks:
            await self._printer.written()
            yield block

    def _count_duplicates(self, side: FileSide) -> None:
        self.tally(RecordsRead(side.duplicates))
        self.tally.duplicates += side.duplicates


class _ListingEnded(Exception):
    """A store was not listed to its end: a comparison would show records as missing that are not.

    `error` is None if an interrupt ended it.
    """

    def __init__(self, error: KvsctlError | None) -> None:
        super().__init__()
        self.error = error


def _selected(blocks: Iterator[Block], plan: ListingPlan | None) -> Iterator[Block]:
    """Return the entries of files that a listing of the other side would cover."""
    if plan is None:
        return blocks
    entities = {"" if space is None else space.entity for space in plan.spaces}
    chooses = plan.selection.chooses_key
    return (
        [one for one in block if one.entity in entities and chooses(one.entity or None, one.key)]
        for block in blocks
    )


def _part_of(blocks: Iterator[Block], shard: Shard | None) -> Iterator[Block]:
    if shard is None:
        return blocks
    return (
        [one for one in block if shard.has_key(one.entity or None, one.key)] for block in blocks
    )


def _about(job: Comparison) -> About:
    right = job.right.store if isinstance(job.right, ListedStore) else job.right
    target = _name(right) if isinstance(right, Reader) else right.target.display
    path = None if isinstance(right, Reader) else right.target.local_path
    local_path = None if path is None else str(path)
    shard = None if job.shard is None else str(job.shard)
    return About("diff", target, __version__, datetime.now(UTC), local_path, shard=shard)


def _name(side: Right) -> str:
    return FileSide(side, lambda _: None).name if isinstance(side, Reader) else side.name


def _report(
    job: Comparison,
    about: About,
    tally: Tally,
    compared: Compared,
    end: End,
    report: ReportFile | None,
    environment: Environment,
) -> ExitStatus:
    differs = bool(compared.counts.differences or tally.failed)
    status = exit_status(end, has_failures=differs)
    interrupted = end.interrupted is not None
    document = report_document(tally, about, status, end.elapsed_seconds, interrupted=interrupted)
    document |= compared.members
    if report is not None:
        report.save(document_line(document))
    if status is ExitStatus.PIPE_CLOSED:
        return status
    is_good = end.error is None and not tally.failed  # a difference is a result
    if not job.reporting.as_json and not (job.reporting.quiet and is_good):
        environment.write_stderr(
            difference_summary(compared, tally, end.elapsed_seconds, environment)
        )
        if tally.groups:
            from kvsctl.report.failures_table import print_failures
            from kvsctl.report.rich_console import stderr_console

            print_failures(stderr_console(environment), tally.groups, tally.failures)
    if end.error is not None:
        environment.fail(end.error.message, end.error.hint)
    if job.reporting.as_json and environment.stderr_fd is not None:
        write_all(environment.stderr_fd, document_line(document))
    return status
