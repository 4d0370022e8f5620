"""Report a finished comparison, and choose its exit status."""

from typing import Any

import msgspec
from msgspec.structs import replace

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.errors import ExitStatus, StreamError
from kvsctl.jobs.ending import End, exit_status, graver
from kvsctl.jobs.job import JobEnd, Reporting, Watcher
from kvsctl.report.console import Environment
from kvsctl.report.document import About, ReportFile, error_members, report_document
from kvsctl.report.schema import document_line
from kvsctl.report.store.differences import Compared, difference_summary


class ComparisonEnding(msgspec.Struct, frozen=True):
    """Everything needed to report a finished comparison."""

    reporting: Reporting
    about: About
    tally: Tally
    compared: Compared
    report: ReportFile | None
    environment: Environment
    watcher: Watcher | None

    def publish(self, end: End) -> ExitStatus:
        """Write the report everywhere it was asked for. Return the exit status."""
        end = self._saved(end)
        if self._status(end) is not ExitStatus.PIPE_CLOSED:
            self._show(end)
        if self.watcher is not None:
            end_of_job = JobEnd(
                self.tally,
                end.elapsed_seconds,
                end.message,
                compared=self.compared.counts,
                hint=end.hint,
            )
            self.watcher.note_end(end_of_job)
        return self._status(end)

    def _status(self, end: End) -> ExitStatus:
        differs = bool(self.compared.counts.differences or self.tally.failed)
        return exit_status(end, has_failures=differs)

    def _document(self, end: End) -> dict[str, Any]:
        is_interrupted = end.interrupted is not None
        document = report_document(
            self.tally,
            self.about,
            self._status(end),
            end.elapsed_seconds,
            interrupted=is_interrupted,
        )
        error = {} if end.error is None else {"error": error_members(end.error)}
        return document | self.compared.members | error

    def _saved(self, end: End) -> End:
        """Save the report file; return how the comparison has ended now."""
        if self.report is not None:
            try:
                self.report.save(document_line(self._document(end)))
            except StreamError as unsaved:
                return replace(end, error=graver(end.error, unsaved))
        return end

    def _show(self, end: End) -> None:
        environment, log = self.environment, self.environment.log
        is_good = end.error is None and not self.tally.failed  # a difference is a result
        is_silent = self.reporting.as_json or (self.reporting.quiet and is_good)
        if log is not None and not is_silent:
            log.end(self._document(end))
        elif not is_silent:
            self._print(end)
        if end.error is not None:
            environment.fail(end.error.message, end.error.hint)
        elif end.interrupted is not None:
            environment.note("interrupted: not everything was compared")
        elif not (self.tally.records or self.reporting.quiet):
            environment.note("no records were compared")
        if self.reporting.as_json:  # the last line of stderr
            environment.write_stderr_bytes(document_line(self._document(end)))

    def _print(self, end: End) -> None:
        environment = self.environment
        if end.error is not None and self.tally.is_blank:
            return
        environment.write_stderr(
            difference_summary(self.compared, self.tally, end.elapsed_seconds, environment)
        )
        if self.tally.groups:
            from kvsctl.report.failures_table import print_failures
            from kvsctl.report.rich_console import stderr_console

            print_failures(stderr_console(environment), self.tally.groups, self.tally.failures)
