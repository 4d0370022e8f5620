"""A job's input read to its end with nothing sent: for a dry run, and before the first request."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kvsctl.bulk.events import Listener
from kvsctl.bulk.examine import examine
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.errors import Defect, ExitStatus, KvsctlError, StreamError, UsageError
from kvsctl.jobs.ending import End, Ending
from kvsctl.jobs.job import BatchJob
from kvsctl.model import Record
from kvsctl.outputs.failures import FailuresFile
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
