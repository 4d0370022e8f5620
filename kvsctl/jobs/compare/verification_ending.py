"""Report a finished verification, and choose its exit status."""

import msgspec
from msgspec.structs import replace

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.errors import ExitStatus, StreamError, UsageError, stdout_failed
from kvsctl.files.raw import write_all
from kvsctl.files.sinks import status_of
from kvsctl.jobs.ending import End, exit_status, graver
from kvsctl.jobs.job import JobEnd, Reporting, Watcher
from kvsctl.report.console import Environment
from kvsctl.report.document import ReportFile
from kvsctl.report.schema import document_line
from kvsctl.report.store.verification import Verified, verified_document, verified_lines


class VerificationEnding(msgspec.Struct, frozen=True):
    """Everything needed to report a finished verification.

    `is_part`: it is one of several verifications, and only their sum is printed.
    """

    reporting: Reporting
    verified: Verified
    report: ReportFile | None
    environment: Environment
    watcher: Watcher | None
    is_part: bool = False

    def publish(self, end: End) -> ExitStatus:
        """Print the result and write the report. Return the exit status.

        Raise UsageError if stdout is closed.
        """
        if self.is_part:
            self._notify(end)
            return self._status(end)
        end = self._saved(self._printed(end))
        self._print_failures()
        status, log = self._status(end), self.environment.log
        is_silent = self.reporting.as_json or (self.reporting.quiet and status is ExitStatus.OK)
        if log is not None and not is_silent:
            log.end(verified_document(self.verified, status))
        if end.error is not None:
            self.environment.fail(end.error.message, end.error.hint)
        elif end.interrupted is not None:
            self.environment.note("interrupted: not everything was compared")
        self._notify(end)
        return status

    def _status(self, end: End) -> ExitStatus:
        return exit_status(end, has_failures=not self.verified.is_good)

    def _printed(self, end: End) -> End:
        """Print the result: damage to stderr, the rest to stdout. Return how this has ended now."""
        environment, verified, status = self.environment, self.verified, self._status(end)
        as_json = self.reporting.as_json
        if not as_json and verified.damage is not None:
            for line in verified_lines(verified):
                environment.note(line)
            return end
        if not as_json and self.reporting.quiet and status is ExitStatus.OK:
            return end
        if environment.stdout_fd is None:
            raise UsageError("cannot print the result: stdout is closed")
        text = document_line(verified_document(verified, status))
        if not as_json:
            text = "".join(f"{line}\n" for line in verified_lines(verified)).encode()
        try:
            write_all(environment.stdout_fd, text)
        except OSError as broken:
            if status_of(broken) is ExitStatus.PIPE_CLOSED:
                return replace(end, is_unread=True)
            return replace(end, error=graver(end.error, stdout_failed(broken)))
        return end

    def _print_failures(self) -> None:
        """Print to stderr why records could not be compared."""
        against = self.verified.against
        has_log = self.environment.log is not None
        if against is None or not against.tally.groups or self.reporting.as_json or has_log:
            return
        from kvsctl.report.failures_table import print_failures
        from kvsctl.report.rich_console import stderr_console

        tally = against.tally
        print_failures(stderr_console(self.environment), tally.groups, tally.failures)

    def _saved(self, end: End) -> End:
        """Save the report file; return how this has ended now."""
        if self.report is not None:
            try:
                self.report.save(document_line(verified_document(self.verified, self._status(end))))
            except StreamError as unsaved:
                return replace(end, error=graver(end.error, unsaved))
        return end

    def _notify(self, end: End) -> None:
        if self.watcher is None:
            return
        against = self.verified.against
        error = self.verified.damage if end.error is None else end.message
        tally = None if against is None else against.tally
        counts = None if against is None else against.counts
        if self.is_part and tally is None and self.verified.is_good:
            tally = Tally()
            tally.records = tally.succeeded = self.verified.manifest.digest.records
        finding = self.verified.finding if self.is_part else None
        self.watcher.note_end(
            JobEnd(
                tally, end.elapsed_seconds, error, compared=counts, finding=finding, hint=end.hint
            )
        )
