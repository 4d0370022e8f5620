"""Read a job's input to its end without sending it: for --dry-run and for --check-first."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kvsctl.bulk.events import Listener, RecordsRead, Settled
from kvsctl.bulk.feeds import Change
from kvsctl.bulk.forecast import Forecaster, cost_usd
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.errors import Defect, ExitStatus, KvsctlError, StreamError, UsageError
from kvsctl.jobs.ending import End, Ending
from kvsctl.jobs.job import BatchJob
from kvsctl.journal.fingerprint import change, fingerprint
from kvsctl.model import Failure, Outcome, Problem, Record, State
from kvsctl.outputs.failures import FailuresFile
from kvsctl.records.sources import File, Source
from kvsctl.report.console import Environment
from kvsctl.report.document import About, ReportFile
from kvsctl.report.dry_run import Rehearsed
from kvsctl.report.problem_lines import ProblemLines


@dataclass(slots=True)
class Examination:
    """The input of a job, examined. `error` says why it is not the whole of it.

    A Ctrl-C ends it without a report: nothing was on its way.
    """

    job: BatchJob
    about: About
    environment: Environment
    tally: Tally = field(default_factory=Tally)
    error: KvsctlError | None = None
    elapsed_seconds: float = 0.0

    def carry_out(
        self,
        admit: Callable[[Record], None] = lambda _: None,
        failures: FailuresFile | None = None,
    ) -> None:
        """Reads everything, and tells of each problem with its place."""
        started = time.monotonic()
        listeners: list[Listener] = [self.tally]
        if not self.job.reporting.as_json:
            listeners.append(ProblemLines(self.environment.write_stderr))
        if failures is not None:
            listeners.append(failures)
        try:
            examine(self.job.reader, listeners, admit)
        except StreamError as error:
            self.error = UsageError(error.message, error.hint or "Nothing was sent.")
        self._complete(failures)
        if self.job.intake.requires_input and not (self.tally.records or self.error):
            self.error = UsageError("the input has no records", "--require-input asks for some.")
        self.elapsed_seconds = time.monotonic() - started

    def keep_failures(self, path: Path) -> None:
        """Reads once more, for the failures file. Raises UsageError if it cannot be opened."""
        failures = FailuresFile(path, self.job.plan.verb)
        try:
            examine(self.job.reader, [failures])
        except StreamError as error:
            self.error = self.error or UsageError(error.message, "Nothing was sent.")
        self._complete(failures)

    def tell(self, failures_path: Path | None, rehearsed: Rehearsed | None = None) -> ExitStatus:
        """Reports; gives the exit code. Raises UsageError."""
        path = self.job.reporting.report_path
        report = None if path is None else ReportFile(path)
        try:
            if rehearsed is not None:
                rehearsed.enter(self.tally)
            try:
                self.tally.check_sum()
            except Defect as defect:
                self.error = defect
            end = End(self.error, None, self.elapsed_seconds)
            return Ending(
                self.job, self.about, self.environment, self.tally, report, failures_path, rehearsed
            ).tell(end)
        finally:
            if report is not None:
                report.close()

    @property
    def found_nothing(self) -> bool:
        """Whether the whole input was read and nothing is wrong with it."""
        return not (self.tally.failed or self.error)

    def _complete(self, failures: FailuresFile | None) -> None:
        if failures is not None:
            try:
                failures.close()
            except StreamError as error:
                self.error = self.error or error


def require_rereadable(sources: Sequence[Source]) -> None:
    """Raises UsageError for input that cannot be read twice."""
    for source in sources:
        if isinstance(source, File) and (source.path is None or source.size is None):
            name = "stdin" if source.path is None else source.label
            raise UsageError(
                f"--check-first reads the input twice, which {name} cannot be",
                "Put it into a regular file and name that by -f.",
            )


def check_first(job: BatchJob, about: About, environment: Environment) -> Change | ExitStatus:
    """Checks the whole input. What is wrong is told, and the exit code given.

    If nothing is, gives a function that says what has changed in the input since, None if
    nothing has.
    """
    sources = job.reader.sources
    then = fingerprint(sources)
    examination = Examination(job, about, environment)
    examination.carry_out()
    if examination.found_nothing:
        return lambda: change(then, fingerprint(sources))
    path = job.reporting.failures_path
    if path is None or job.journal is not None:  # a journal has marks in the file
        return examination.tell(None)
    if examination.tally.failed:
        examination.keep_failures(path)
    return examination.tell(path)


def rehearse(job: BatchJob, about: About, environment: Environment) -> ExitStatus:
    """Reads, checks and packs the input, and reports what the run would need.

    Opens no target and no journal. Only the report and the failures file are written, and the
    latter not beside a journal, which has marks in it. Raises UsageError.
    """
    path = job.reporting.failures_path if job.journal is None else None
    failures = None if path is None else FailuresFile(path, job.plan.verb)
    forecaster = Forecaster(job.plan)
    examination = Examination(job, about, environment)
    examination.carry_out(forecaster.admit, failures)
    forecast = forecaster.finish()
    rehearsed = Rehearsed(forecast, cost_usd(job.plan.verb, forecast))
    return examination.tell(path, rehearsed)


def examine(
    pieces_read: Iterable[list[Record | Problem]],
    listeners: Sequence[Listener],
    admit: Callable[[Record], None] = lambda _: None,
) -> None:
    """Settles each problem as failed and each record as unsent; `admit` is given the records.

    Raises what reading raises; what was read before that is settled.
    """
    for pieces in pieces_read:
        if not pieces:
            continue
        outcomes = [_outcome(piece) for piece in pieces]
        for listener in listeners:
            listener(RecordsRead(len(pieces)))
            listener(Settled(outcomes))
        for piece in pieces:
            if isinstance(piece, Record):
                admit(piece)


def _outcome(piece: Record | Problem) -> Outcome:
    if isinstance(piece, Problem):
        return Outcome(piece, State.FAILED, Failure(piece.code, piece.message))
    return Outcome(piece, State.UNSENT)
