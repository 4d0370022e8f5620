"""Everything that listens to a run, opened together and closed together."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from kvsctl.bulk.events import Listener
from kvsctl.bulk.feeds import Feed, RequiredFeed
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.plan import Pressure
from kvsctl.errors import Defect, ExitStatus, KvsctlError, StreamError, UsageError
from kvsctl.files.claims import require_unused, require_writable, resolved
from kvsctl.files.compressed import open_compressed
from kvsctl.files.raw import is_stream
from kvsctl.files.sinks import ByteSink, part_path
from kvsctl.jobs.ending import End, Ending, graver
from kvsctl.jobs.job import BatchJob
from kvsctl.jobs.journal import JobJournal
from kvsctl.jobs.printing import (
    MOST_HELD_BYTES,
    Printed,
    has_no_reader,
    manifest_of,
    on_stdout,
    opened,
)
from kvsctl.jobs.progress.showing import JobProgress
from kvsctl.jobs.signals import Steered
from kvsctl.journal.state import Stage
from kvsctl.outputs.forms import PlanForm, Printing
from kvsctl.report.console import Environment
from kvsctl.report.document import About, ReportFile
from kvsctl.report.escape import visible
from kvsctl.report.log.start import log_start
from kvsctl.report.progress.standing import Display
from kvsctl.report.store.rules import dry_run_of

if TYPE_CHECKING:
    from kvsctl.journal.file import JournalFile
    from kvsctl.listing.remainder import Remainder
    from kvsctl.outputs.failures import FailuresFile
    from kvsctl.outputs.undo_file import UndoFile


class JobListeners:
    """The listeners of one run, and the files they write.

    Enter to open the files; raise UsageError if one cannot be opened. After the block, `finish`
    completes the files and reports.
    """

    def __init__(
        self,
        job: BatchJob,
        about: About,
        environment: Environment,
        journal: "JournalFile | None" = None,
    ) -> None:
        self._job = job
        self._about = about
        self._environment = environment
        self.journal: Final = JobJournal(job, journal)
        self._tally = self.journal.tally()
        self._manifest = manifest_of(job, about)
        self._printed: Printed | None = None
        self._failures: FailuresFile | None = None
        self._report: ReportFile | None = None
        self._wake: Callable[[], None] = lambda: None
        self._run: Steered | None = None
        self._progress = JobProgress(job, environment)
        self._asked_seconds = 0.0
        self.listeners: list[Listener] = [self._tally]
        self.undo: Final = _undo_of(job, about, self.journal)
        self.rules: Final = [] if job.cleanup is None else job.cleanup.reports(self._tally)

    @property
    def remainder(self) -> "Remainder | None":
        """What is left of the job's listing, if it has one and a journal."""
        return self.journal.remainder

    @property
    def tally(self) -> Tally:
        """The totals of the job, with those of earlier runs of it."""
        return self._tally

    def require_usable(self) -> None:
        """Raise UsageError if something cannot be written. Open and change nothing."""
        job, environment = self._job, self._environment
        if job.records is None and job.reporting.as_json and environment.stdout_fd is None:
            raise UsageError("cannot print the report: stdout is closed", "Use --report FILE.")
        if self.undo is not None:
            self.undo.require_new()
        report, failures = job.reporting.report_path, job.reporting.failures_path
        if report is not None:
            require_writable(report)
            require_unused(resolved(report), "the report")
        if failures is not None:
            require_unused(resolved(failures), "the failures file")
        if job.records is not None and job.records.path is not None:
            for path in (resolved(job.records.path), part_path(job.records.path)):
                require_unused(path, "the output")

    def __enter__(self) -> Self:
        try:
            self._open_files()
            sink = None if self._printed is None else self._printed.sink
            self.listeners += self.journal.listeners(sink, self._stop, self._is_torn)
            if self._job.cleanup is None:
                self.open_undo()
        except BaseException:
            self._abandon_files()  # which also lets other runs use them
            raise
        reporting = self._job.reporting
        self.listeners += log_start(
            self._environment,
            self._about,
            is_quiet=reporting.quiet,
            verbosity=reporting.verbosity,
        )
        return self

    def _open_files(self) -> None:
        """Open every file that the run writes, except for the journal and the undo file."""
        job = self._job
        if job.reporting.report_path is not None:
            self._report = ReportFile(job.reporting.report_path)
        if job.reporting.failures_path is not None:
            self._failures = self.journal.failures_file(job.reporting.failures_path)
        if self._failures is not None:
            self.listeners.append(self._failures)
        if job.records is not None:
            self._printed = self._open_output(job.records)
            self.listeners.append(self._printed.records)

    def open_undo(self) -> None:
        """Open the undo file, if the job has one, and let the journal note it. Raise KvsctlError.

        A clean-up does so once it knows that it will change something.
        """
        if self.undo is not None:
            self.undo.open()
        if self._job.may_have_undo:
            self.journal.note_undo(None if self.undo is None else self.undo.path)

    def showing_progress(
        self, records: int | None = None, *, lists_only: bool = False
    ) -> AbstractContextManager[None]:
        """Show how far the run is inside the block, if that is wanted.

        `records` and `lists_only`: see `following.Input`.
        """
        display = self._progress.display
        if display is None:
            return nullcontext()
        return self._showing_on(display, records, lists_only=lists_only)

    @contextmanager
    def _showing_on(
        self, display: Display, records: int | None, *, lists_only: bool
    ) -> Iterator[None]:
        following = self._progress.following(
            self._about.command, self._tally, self.journal, records, lists_only=lists_only
        )
        self.listeners.append(following)
        try:
            with display.showing(following):
                yield
        finally:
            self.listeners.remove(following)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask the user inside the block. The wait for the answer is not time of the run."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._asked_seconds += time.monotonic() - began

    def notice(self, text: str) -> None:
        """Write a line of the command's own to stderr at once, above what is drawn."""
        self._progress.note(text)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """After an error, leave the files incomplete; otherwise `finish` completes them."""
        self.journal.end_thread()
        if kind is not None:
            # The error being raised says more.
            self.journal.note(Stage.RUNNING, has_removed_undo=self._has_removed_undo())
            self._abandon_files()

    def _abandon_files(self) -> None:
        with ExitStack() as closing:  # the others, even if one of them fails
            if self._report is not None:
                closing.callback(self._report.close)
            if self._failures is not None:
                closing.callback(self._failures.abandon)
            if self._printed is not None:
                closing.callback(self._printed.abandon)
            if self.undo is not None:
                closing.callback(self.undo.close)

    def attach(self, run: Steered) -> None:
        """Let output wake the run, from any thread, when it was written or has failed."""
        loop = asyncio.get_running_loop()
        self._run = run
        self._progress.run = run

        def wake() -> None:
            with suppress(RuntimeError):  # the loop may be closed before the last write
                loop.call_soon_threadsafe(run.wake)

        self._wake = wake

    def _detach(self) -> None:
        """Release the run, which has these listeners, so that both are freed: see Run."""
        self._run = self._progress.run = None
        self._wake = lambda: None

    def feed(self, feed: Feed) -> Feed:
        """Return the input of the run, without the records that are settled in the journal.

        Reading it raises UsageError if records are required and there are none.
        """
        return self.journal.feed(RequiredFeed(feed) if self._job.checks.requires_input else feed)

    def _is_torn(self) -> bool:
        return self._run is not None and self._run.is_torn

    def _stop(self, error: KvsctlError) -> None:
        if self._run is not None:
            self._run.stop(error)

    def pressure(self) -> Pressure:
        """Return how much more output can be taken. Stop the run if the output has failed."""
        printed, held_bytes = self._printed, self.journal.held_bytes
        if self._failures is not None:
            held_bytes += self._failures.held_bytes
        if printed is None:
            return Pressure.OLDEST_ONLY if held_bytes > MOST_HELD_BYTES else Pressure.NONE
        if printed.sink.broken is not None and self._run is not None:
            self._run.stop()
        return printed.pressure(held_bytes=held_bytes)

    @property
    def has_work_left(self) -> bool:
        """Whether the run has left records unread, unsent or unknown."""
        is_cut_short = self._run is not None and self._run.is_cut_short
        return is_cut_short or bool(self._tally.unsent or self._tally.unknown)

    def finish(
        self, error: KvsctlError | None, interrupted: ExitStatus | None, elapsed_seconds: float
    ) -> ExitStatus:
        """Complete every file, report, and return the exit status.

        `elapsed_seconds`: since the run began, including the time in which the user was asked.

        An error in one of these steps does not prevent the others.
        """
        broken = self._close_files(is_whole=error is None and interrupted is None)
        dry_run = dry_run_of(self.rules)
        if dry_run is not None:
            dry_run.enter(self._tally)
        ending = Ending(
            self._job,
            self._about,
            self._environment,
            self._tally,
            self._report,
            self._failures_path,
            dry_run,
            self.rules,
        )
        end = End(
            graver(self._bad_sum(), graver(error, broken)),
            interrupted,
            elapsed_seconds - self._asked_seconds + self.journal.earlier_seconds,
            is_unread=self._printed is not None and has_no_reader(self._printed.sink),
            is_cut_short=self._run is not None and self._run.is_cut_short,
        )
        try:
            return ending.publish(end)
        finally:
            if self._report is not None:
                self._report.close()
            self._detach()
            self._say_what_is_incomplete()
            if self.undo is not None and self.undo.count and not self._job.reporting.quiet:
                self.notice(visible(self.undo.summary))

    def _say_what_is_incomplete(self) -> None:
        printed = self._printed
        if printed is None or self._job.reporting.quiet:
            return
        if (part := printed.part_left) is not None:
            self._environment.note(
                f"the export is incomplete: what was read is in {visible(str(part))}"
            )
        if printed.has_dropped_plan and self._tally.records:
            self._environment.note("the plan is incomplete: no line of it was written")

    def _has_removed_undo(self) -> bool:
        """Close the undo file. Return whether it was removed, because it was empty."""
        return self.undo is not None and self.undo.close()

    @property
    def _failures_path(self) -> Path | None:
        """Where failed records were written; None if that failed."""
        is_broken = self._failures is not None and self._failures.is_broken
        return None if is_broken else self._job.reporting.failures_path

    def _open_output(self, printing: Printing) -> Printed:
        sink = to = self._open_sink(printing)
        try:
            if self._manifest is not None:
                to = self._manifest.over(sink, self.journal.written_part(printing.path))
            state = self.journal.state
            records = opened(printing, to, state, self._about, self._environment)
        except BaseException:
            sink.abandon()  # which also lets other runs use the file
            raise
        is_plan = isinstance(printing.form, PlanForm)
        return Printed(records, sink, printing.path, self._manifest, is_plan=is_plan)

    def _open_sink(self, records: Printing) -> ByteSink:
        path = records.path
        if isinstance(records.form, PlanForm) and (path is None or is_stream(path)):
            from kvsctl.files.held import HeldSink  # few plans go to a stream

            # A reader of a part of a plan would carry it out as if it were the whole.
            return HeldSink(partial(self._opened_sink, records))
        return self._opened_sink(records, self._output_changed)

    def _opened_sink(self, records: Printing, moved: Callable[[], None]) -> ByteSink:
        if records.path is None:
            return on_stdout(records, self._environment, moved)
        part = self.journal.part_file(records.path)
        return open_compressed(records.path, moved) if part is None else part

    def _output_changed(self) -> None:
        self._wake()

    def _close_files(self, *, is_whole: bool) -> KvsctlError | None:
        """Note in the journal that all is settled, and again that the files are complete."""
        ends = is_whole and not (self._tally.unknown or self._tally.unsent)
        stage = Stage.ENDED if ends else Stage.RUNNING
        broken = self.journal.note(stage, has_removed_undo=self._has_removed_undo())
        if self.journal.state is not None:
            is_whole = ends and broken is None
        unfinished = self._complete_files(is_whole=is_whole)
        broken = broken or unfinished
        if ends and broken is None:
            broken = self.journal.note(Stage.COMPLETE)
        return broken

    def _complete_files(self, *, is_whole: bool) -> StreamError | None:
        broken: StreamError | None = None
        if self._printed is not None:
            broken = self._printed.complete(self._tally, is_whole=is_whole)
        if self._failures is not None:
            try:
                self._failures.close(is_whole=is_whole)
            except StreamError as error:
                broken = broken or error
        return broken

    def _bad_sum(self) -> Defect | None:
        try:
            self._tally.check_sum()
        except Defect as defect:
            return defect
        return None


def _undo_of(job: BatchJob, about: About, journal: JobJournal) -> "UndoFile | None":
    if job.undo is None:
        return None
    return job.undo.file(about.started_at, job.target, journal.may_append_to)
