"""Read a job's input to its end without sending it: for --dry-run and for --check-first."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

from kvsctl.bulk.alike import FailedChecks, Unsent
from kvsctl.bulk.events import Event, Listener, RecordsRead, Settled
from kvsctl.bulk.feeds import Change, Feed, no_records
from kvsctl.bulk.forecast import Forecaster, cost_usd
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.errors import Defect, ExitStatus, KvsctlError, StreamError, UsageError
from kvsctl.jobs.ending import End, Ending, graver
from kvsctl.jobs.inputs import JobInput
from kvsctl.jobs.job import BatchJob
from kvsctl.journal.fingerprint import change
from kvsctl.model import Outcome, PieceList, Problem, Record, Verb
from kvsctl.outputs.failures import FailuresFile
from kvsctl.report.console import Environment
from kvsctl.report.document import About, ReportFile
from kvsctl.report.dry_run import DryRun
from kvsctl.report.escape import visible
from kvsctl.report.log.run_events import ProblemEvents
from kvsctl.report.problem_lines import ProblemLines
from kvsctl.service.wire import encode
from kvsctl.slabs import Slab

_NOTHING_SENT = "Nothing was sent."
_MOST_SHOWN: Final = 3
_INDENT: Final = "  "
_LOG_WIDTH: Final = 200


@dataclass(slots=True)
class Examination:
    """A job's whole input, read and checked. `error` says why it could not be read to its end.

    Ctrl-C ends an examination without a report, because no request is in flight.
    """

    job: BatchJob
    about: About
    environment: Environment
    tally: Tally = field(default_factory=Tally)
    error: KvsctlError | None = None
    elapsed_seconds: float = 0.0

    async def read_all(
        self,
        admit: Callable[[PieceList], None] = lambda _: None,
        failures: FailuresFile | None = None,
    ) -> None:
        """Read everything and print each problem with its place. Pass what was read to `admit`."""
        started = time.monotonic()
        listeners: list[Listener] = [self.tally]
        if not self.job.reporting.as_json:
            log = self.environment.log
            to_people = ProblemLines(self.environment.write_stderr)
            listeners.append(to_people if log is None else ProblemEvents(log))
        if failures is not None:
            listeners.append(failures)
        try:
            await examine(self._feed(listeners), listeners, admit)
        except StreamError as error:
            self.error = _nothing_sent(error, failures)
        self._complete(failures)
        if self.job.checks.requires_input and not (self.tally.records or self.error):
            self.error = no_records()
        self.elapsed_seconds = time.monotonic() - started

    def _feed(self, listeners: Sequence[Listener]) -> Feed:
        """Return the input. `listeners` receive records that a listing skips, not its requests."""

        def emit(event: Event) -> None:
            if isinstance(event, RecordsRead | Settled):
                for listener in listeners:
                    listener(event)

        return self.job.input.feed(None, emit)

    async def write_failures(self, path: Path) -> None:
        """Read everything again to write the failures file.

        Raise UsageError if the file cannot be opened.
        """
        failures = FailuresFile(path, self.job.plan.verb)
        try:
            await examine(self.job.input.feed(), [failures])
        except StreamError as error:
            self.error = graver(self.error, _nothing_sent(error, failures))
        self._complete(failures)

    def report(
        self,
        failures_path: Path | None,
        dry_run: DryRun | None = None,
        records: Sequence[str] = (),
    ) -> ExitStatus:
        """Report what was found and return the exit status. Raise UsageError.

        `records`: lines that show some of them, of a dry run.
        """
        path = self.job.reporting.report_path
        report = None if path is None else ReportFile(path)
        try:
            if dry_run is not None:
                dry_run.enter(self.tally)
            try:
                self.tally.check_sum()
            except Defect as defect:
                self.error = defect
            end = End(self.error, None, self.elapsed_seconds)
            return Ending(
                self.job.retried_by(None),  # nothing was sent, not even valid records
                self.about,
                self.environment,
                self.tally,
                report,
                failures_path,
                dry_run,
                shown=records,
            ).publish(end)
        finally:
            if report is not None:
                report.close()

    @property
    def found_nothing(self) -> bool:
        """Whether the whole input was read and has no problem."""
        return not (self.tally.failed or self.error)

    def _complete(self, failures: FailuresFile | None) -> None:
        if failures is not None:
            try:
                failures.close()
            except StreamError as error:
                self.error = graver(self.error, error)


class FirstRecords:
    """The first records that would be sent, exactly as they would be, for people to check.

    Values are shown only on a terminal, to the user who has them: logs hold none.
    """

    def __init__(self, job: BatchJob, environment: Environment) -> None:
        self._job = job
        self._width = environment.width - len(_INDENT) if environment.stderr_is_terminal else 0
        self._are_shown = bool(self._width) or job.plan.verb is not Verb.SET
        self._now = time.time()
        self._sent = 0
        self._records: list[Record] = []

    def take(self, records: Sequence[Record]) -> None:
        """Take those records of a request that are among the first."""
        self._sent += len(records)
        if len(self._records) < _MOST_SHOWN and self._are_shown:
            self._records += islice(records, _MOST_SHOWN - len(self._records))

    def lines(self) -> list[str]:
        """Return a line for each, escaped and cut to the terminal."""
        bodies = [encode([one], self._job.asked, self._now)[1:-1].decode() for one in self._records]
        lines = [f"{_INDENT}{visible(body, self._width or _LOG_WIDTH)}" for body in bodies]
        if lines and self._sent > len(lines):
            lines.append(f"{_INDENT}and {self._sent - len(lines):,} more")
        return lines


def _nothing_sent(error: StreamError, failures: FailuresFile | None) -> KvsctlError:
    """Return the error of input that cannot be read; `error` itself if the output failed."""
    if failures is not None and failures.is_broken:
        return error
    return UsageError(error.message, error.hint or _NOTHING_SENT)


def require_rereadable(source: JobInput) -> None:
    """Raise UsageError if the input cannot be read twice."""
    name = source.single_use
    if name is not None:
        raise UsageError(
            f"--check-first reads the input twice, but {name} can be read only once",
            "Save it as a regular file and give that with -f.",
        )


async def check_first(
    job: BatchJob,
    about: About,
    environment: Environment,
    admit: Callable[[PieceList], None] = lambda _: None,
) -> Change | ExitStatus:
    """Check the whole input; report its problems and return the exit status if there are any.

    What was read is passed to `admit`. Otherwise, return a function that returns how the input has
    changed since then, or None.
    """
    then = job.input.fingerprint()
    examination = Examination(job, about, environment)
    await examination.read_all(admit)
    if examination.found_nothing:
        return lambda: change(then, job.input.fingerprint())
    path = job.reporting.failures_path
    if path is None or job.journal is not None:  # the journal refers to places in that file
        return examination.report(None)
    if examination.tally.failed:
        await examination.write_failures(path)
    return examination.report(path)


async def carry_out_dry_run(job: BatchJob, about: About, environment: Environment) -> ExitStatus:
    """Read, check and pack the input, and report what the run would cost.

    Open no target and no journal. Write only the report and, unless there is a journal, which
    refers to places in it, the failures file. Raise UsageError.
    """
    path = job.reporting.failures_path if job.journal is None else None
    failures = None if path is None else FailuresFile(path, job.plan.verb)
    examination = Examination(job, about, environment)
    if job.plan_guard is not None:
        from kvsctl.jobs.cleanup.rehearsal import PlanRehearsal  # few jobs carry out a plan

        rehearsal = PlanRehearsal(job, job.plan_guard)
        await examination.read_all(rehearsal.admit, failures)
        examination.error = graver(examination.error, rehearsal.refusal())
        return examination.report(path, rehearsal.dry_run())
    first = FirstRecords(job, environment)
    forecaster = Forecaster(job.plan, first.take, datetime.now(UTC))
    await examination.read_all(forecaster.admit_all, failures)
    forecast = forecaster.finish()
    dry_run = DryRun(forecast, cost_usd(job.plan.verb, forecast))
    return examination.report(path, dry_run, first.lines())


async def examine(
    feed: Feed, listeners: Sequence[Listener], admit: Callable[[PieceList], None] = lambda _: None
) -> None:
    """Settle each problem as failed and each record as unsent; pass all of them to `admit`.

    Raise any error of reading; everything read before it is settled.
    """
    try:
        while (pieces := await feed.get()) is not None:
            if not pieces:
                continue
            outcomes = _outcomes(pieces)
            for listener in listeners:
                listener(RecordsRead(len(pieces)))
                listener(Settled(outcomes))
            admit(pieces)
    finally:
        feed.close()


def _outcomes(pieces: PieceList) -> Sequence[Outcome]:
    if isinstance(pieces, Slab):
        return Unsent(pieces)
    problems = [piece for piece in pieces if isinstance(piece, Problem)]
    if len(problems) == len(pieces):
        return FailedChecks(problems)
    return [
        FailedChecks.outcome_of(piece) if isinstance(piece, Problem) else Unsent.outcome_of(piece)
        for piece in pieces
    ]
