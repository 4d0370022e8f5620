"""Compare two sets of records, print their differences, and report."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from enum import Enum
from functools import partial
from pathlib import Path

import msgspec

from kvsctl import __version__
from kvsctl.bulk.events import RecordsRead
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.run import Run
from kvsctl.comparison.entries import Block, FileSide
from kvsctl.comparison.joining import Change, Comparer, Difference, join, same_text
from kvsctl.errors import ExitStatus, KvsctlError, StreamError, UsageError
from kvsctl.files.compressed import CompressedSink, compressor_of
from kvsctl.files.raw import write_all
from kvsctl.files.sinks import ByteSink, DescriptorWriter, open_output, status_of
from kvsctl.jobs.connect import credentials_of
from kvsctl.jobs.ending import End, exit_status, graver
from kvsctl.jobs.job import Reporting
from kvsctl.jobs.replacing import require_replaceable
from kvsctl.jobs.runner import Interrupts, NoInterrupts
from kvsctl.jobs.store.reading import (
    Lookup,
    StoreSide,
    count_missing_as_read,
    counting,
    look_up,
    teller,
)
from kvsctl.jsonequal import are_equal
from kvsctl.outputs.differences import (
    DifferenceFormat,
    json_line_of,
    key_line_of,
    record_line_of,
)
from kvsctl.records.reader import Reader
from kvsctl.report.console import Environment
from kvsctl.report.document import About, ReportFile, report_document
from kvsctl.report.escape import visible
from kvsctl.report.schema import document_line
from kvsctl.report.store.differences import Compared, difference_summary, on_stdout, shown

_MOST_PENDING_BYTES = 8_000_000


class Form(Enum):
    """How differences are printed."""

    TEXT = "text"
    JSONL = "jsonl"
    KEYS = "keys"
    RECORDS = "records"


class Comparison(msgspec.Struct, frozen=True):
    """Two sides to compare, and how differences are printed.

    If `right` is a store, only the keys of `left` are read from it.
    `compares_text`: values are equal only if their bytes are. `only`: the changes that are printed;
    all are counted. `form` None: text on a terminal, else JSON Lines. `output` None: stdout.
    """

    left: Reader
    right: Reader | StoreSide
    compares_text: bool = False
    only: frozenset[Change] = frozenset(Change)
    form: Form | None = None
    output: Path | None = None
    reporting: Reporting = msgspec.field(default_factory=Reporting)


async def compare(
    job: Comparison, environment: Environment, interrupts: Interrupts | None = None
) -> ExitStatus:
    """Compare, print, report, and return the exit status.

    Raise UsageError if something cannot be opened; what goes wrong later is reported.
    """
    require_replaceable(job.reporting)
    started, about = time.monotonic(), _about(job)
    interrupts = interrupts or NoInterrupts()
    tally = Tally()
    report = None if job.reporting.report_path is None else ReportFile(job.reporting.report_path)
    try:
        printer = _Printer(job, environment)
        comparer = Comparer(printer.take, same_text if job.compares_text else are_equal)
        if isinstance(job.right, Reader):
            error = await _compare_files(job.left, job.right, comparer, printer, tally)
        else:
            tell = teller(environment)
            error = await _compare_with_store(job, comparer, printer, tally, interrupts, tell)
        is_whole = error is None and interrupts.interrupted is None
        error = graver(error, printer.close(is_whole=is_whole))
        if printer.is_unread:
            error = None  # whoever closed the pipe has read enough
        if isinstance(error, UsageError) and not comparer.counts.compared:
            raise error
        tally.check_sum()
        elapsed_seconds = time.monotonic() - started
        end = End(error, interrupts.interrupted, elapsed_seconds, is_unread=printer.is_unread)
        compared = Compared(_name(job.left), _name(job.right), comparer.counts)
        return _report(job, about, tally, compared, end, report, environment)
    finally:
        if report is not None:
            report.close()


def _about(job: Comparison) -> About:
    right = job.right
    target = _name(right) if isinstance(right, Reader) else right.target.display
    path = None if isinstance(right, Reader) else right.target.local_path
    local_path = None if path is None else str(path)
    return About("diff", target, __version__, datetime.now(UTC), local_path)


async def _compare_files(
    left: Reader, right: Reader, comparer: Comparer, printer: "_Printer", tally: Tally
) -> KvsctlError | None:
    ones, others = FileSide(left, counting(tally)), FileSide(right, counting(tally))
    error: KvsctlError | None = None
    try:
        await join(_paced(ones, printer), _paced(others, printer), comparer.compare)
    except (UsageError, StreamError) as failed:
        error = failed
    compared, duplicates = comparer.counts.compared, ones.duplicates + others.duplicates
    tally(RecordsRead(compared + duplicates))
    tally.succeeded += compared
    tally.duplicates += duplicates
    return error


async def _compare_with_store(
    job: Comparison,
    comparer: Comparer,
    printer: "_Printer",
    tally: Tally,
    interrupts: Interrupts,
    tell: Callable[[str], None],
) -> KvsctlError | None:
    store = job.right
    assert isinstance(store, StoreSide)  # noqa: S101
    credentials = credentials_of(store.target, allow_http=store.allow_http)
    side = FileSide(job.left, counting(tally))
    error = await look_up(
        store,
        credentials,
        Lookup(comparer.compare, _name(job.left)),
        side.blocks(),
        [tally],
        interrupts,
        tell,
        is_written=printer.is_written,
    )
    count_missing_as_read(tally)
    tally(RecordsRead(side.duplicates))
    tally.duplicates += side.duplicates
    return error


def _name(side: Reader | StoreSide) -> str:
    if isinstance(side, StoreSide):
        return side.name
    return FileSide(side, lambda _: None).name


async def _paced(side: FileSide, printer: "_Printer") -> AsyncIterator[Block]:
    """Yield the blocks of a side, no faster than their differences are written."""
    for block in side.blocks():
        await printer.written()
        yield block


class _Printer:
    """Prints the differences that are wanted, to a file or to stdout."""

    def __init__(self, job: Comparison, environment: Environment) -> None:
        self._job = job
        self._format = _format(job, environment)
        self._has_moved = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._run: Run | None = None
        self._sink = _opened(job, environment, self._note_moved)

    def take(self, difference: Difference) -> None:
        """Print a difference, if its change is wanted."""
        if difference.change in self._job.only:
            self._sink.write(self._format(difference))

    def _note_moved(self) -> None:
        """Note from any thread that output was written or has failed."""
        with suppress(RuntimeError):  # the loop may be closed before the last write
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._has_moved.set()
        if self._run is not None:
            self._run.wake()

    def is_written(self, run: Run) -> bool:
        """Return whether more may be printed; wake `run` when that changes.

        Stop the run if writing has failed.
        """
        self._run = run
        if self._sink.broken is not None:
            run.stop()
            return False
        return self._sink.pending_bytes <= _MOST_PENDING_BYTES

    @property
    def is_unread(self) -> bool:
        """Whether the reader of the output has closed the pipe."""
        broken = self._sink.broken
        return broken is not None and status_of(broken) is ExitStatus.PIPE_CLOSED

    async def written(self) -> None:
        """Wait until little is left to be written. Raise StreamError if writing has failed."""
        await asyncio.sleep(0)
        while self._sink.pending_bytes > _MOST_PENDING_BYTES and self._sink.broken is None:
            self._has_moved.clear()
            if self._sink.pending_bytes > _MOST_PENDING_BYTES:  # the thread may just have written
                await self._has_moved.wait()
        if self._sink.broken is not None:
            raise self._failed(self._sink.broken)

    def close(self, *, is_whole: bool) -> StreamError | None:
        """Complete the output, or leave it as a part. Return the error if that failed."""
        if is_whole:
            self._sink.complete()
        else:
            self._sink.abandon()
        return None if self._sink.broken is None else self._failed(self._sink.broken)

    def _failed(self, broken: OSError) -> StreamError:
        return StreamError(f"cannot write to {self._job.output or 'stdout'}: {broken.strerror}")


def _opened(job: Comparison, environment: Environment, moved: Callable[[], None]) -> ByteSink:
    if job.output is not None:
        sink, compress = open_output(job.output, moved), compressor_of(job.output)
        return sink if compress is None else CompressedSink(sink, compress)
    if environment.stdout_fd is None:
        raise UsageError("cannot print differences: stdout is closed", "Use --output FILE.")
    return DescriptorWriter(environment.stdout_fd, moved)


def _format(job: Comparison, environment: Environment) -> DifferenceFormat:
    form = job.form
    if form is None:
        is_for_people = job.output is None and environment.stdout_is_terminal
        form = Form.TEXT if is_for_people else Form.JSONL
    if form is Form.TEXT:
        return partial(_text, on_stdout(environment))
    return {Form.JSONL: json_line_of, Form.KEYS: key_line_of, Form.RECORDS: record_line_of}[form]


def _text(environment: Environment, difference: Difference) -> bytes:
    return shown(difference, environment).encode("utf-8", "backslashreplace")


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
    if not job.reporting.as_json and not (job.reporting.quiet and status is ExitStatus.OK):
        environment.write_stderr(
            difference_summary(compared, tally, end.elapsed_seconds, environment)
        )
        if tally.groups:
            from kvsctl.report.failures_table import print_failures
            from kvsctl.report.rich_console import stderr_console

            print_failures(stderr_console(environment), tally.groups, tally.failures)
    if end.error is not None:
        environment.tell(f"kvsctl: {visible(end.error.message)}")
        if end.error.hint:
            environment.tell(visible(end.error.hint))
    if job.reporting.as_json and environment.stderr_fd is not None:
        write_all(environment.stderr_fd, document_line(document))
    return status
