"""Report a job on several installations, and choose its exit status."""

from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from kvsctl.errors import (
    Defect,
    ExitStatus,
    Interrupted,
    KvsctlError,
    StreamError,
    UsageError,
    WorkLeft,
    stdout_failed,
)
from kvsctl.files.sinks import status_of
from kvsctl.jobs.ending import graver, print_report_line
from kvsctl.jobs.installations.job import InstallationsJob
from kvsctl.jobs.installations.sums import Sum, exit_status
from kvsctl.jobs.job import JobEnd
from kvsctl.report.console import Environment
from kvsctl.report.document import About, ReportFile, error_members, report_document
from kvsctl.report.failed.retry_line import FailuresKept, retry_lines
from kvsctl.report.installations.source import source_line, source_members
from kvsctl.report.installations.table import print_different, print_lines
from kvsctl.report.schema import document_line
from kvsctl.report.store.differences import found_parts
from kvsctl.report.store.rules import rule_lines
from kvsctl.report.styled import painted, separator_of
from kvsctl.report.summary import summary


class Ending(msgspec.Struct, frozen=True):
    """Everything needed to report such a job. `prints_records`: stdout is for records."""

    job: InstallationsJob
    about: About
    environment: Environment
    sum: Sum
    report: ReportFile | None
    prints_records: bool

    def publish(
        self,
        error: KvsctlError | None,
        unwritten: OSError | None,
        interrupted: ExitStatus | None,
        elapsed_seconds: float,
    ) -> ExitStatus:
        """Write the report everywhere it was asked for. Return the exit status.

        `error` ended the job as a whole. `unwritten`: why records could not be printed.
        """
        if unwritten is not None:
            if status_of(unwritten) is ExitStatus.PIPE_CLOSED:
                return ExitStatus.PIPE_CLOSED
            error = graver(error, stdout_failed(unwritten))
        error = graver(self._bad_sum(), error)
        end = _End(error, interrupted, elapsed_seconds)
        if self.report is not None:
            try:
                self.report.save(document_line(self._document(end)))
            except StreamError as unsaved:
                end = end.with_error(unsaved)
        status = self._printed(end)
        if self.job.watcher is not None:
            message = None if end.error is None else end.error.message
            self.job.watcher.note_end(JobEnd(self.sum.tally, elapsed_seconds, message))
        return status

    def _printed(self, end: "_End") -> ExitStatus:
        """Print the report and the error. Return the exit status."""
        environment, reporting = self.environment, self.job.reporting
        status = self._status(end)
        if status is ExitStatus.PIPE_CLOSED:
            return status
        if reporting.as_json:
            if self.prints_records:  # on stderr the report is the last line
                self._print_error(end)
            line = document_line(self._document(end))
            try:
                printed = print_report_line(
                    line, environment, is_for_stdout=not self.prints_records
                )
                status = status if printed is ExitStatus.OK else printed
            except StreamError as unprinted:
                end = end.with_error(unprinted)
                status = self._status(end)
            if self.prints_records:
                return status
        elif reporting.quiet and status is ExitStatus.OK:
            return status
        elif environment.log is not None:
            environment.log.end(self._document(end))
        else:
            self._print_tables(end)
        self._print_error(end)
        return status

    def _status(self, end: "_End") -> ExitStatus:
        return exit_status(self.sum.lines, end.error, end.interrupted)

    def _document(self, end: "_End") -> dict[str, Any]:
        document = report_document(
            self.sum.tally,
            self.about,
            self._status(end),
            end.elapsed_seconds,
            interrupted=end.interrupted is not None,
        )
        dry_run = {} if self.sum.dry_run is None else self.sum.dry_run.members
        rules = {"rules": [rule.members for rule in self.sum.rules]} if self.sum.rules else {}
        lines = [line.members for line in self.sum.lines]
        error = {} if end.error is None else {"error": error_members(end.error)}
        compared = {} if self.sum.compared is None else asdict(self.sum.compared)
        lines_of = {"installations": lines}
        return document | compared | rules | dry_run | error | self._source_members | lines_of

    @property
    def _source_members(self) -> dict[str, Any]:
        copy = self.job.source
        if copy is None or copy.tally.is_blank:
            return {}
        return {"source": source_members(copy.name, copy.tally, copy.elapsed_seconds)}

    def _print_tables(self, end: "_End") -> None:
        environment, tally = self.environment, self.sum.tally
        is_verbose = bool(self.job.reporting.verbosity)
        if self._is_refused(end):  # the error says everything
            if self.sum.failed:
                print_lines(environment, self.sum.lines, shows_all=is_verbose)
            return
        seconds, earlier = end.elapsed_seconds, tally.earlier
        text = summary(environment, tally, self.about, seconds, self.sum.dry_run, earlier=earlier)
        if self.sum.compared is not None:
            found = found_parts(self.sum.compared)
            text += painted([(separator_of(environment).join(found), "")], environment)
        copy = self.job.source
        if copy is not None and not copy.tally.is_blank:
            text += source_line(copy.name, copy.tally, copy.elapsed_seconds, environment)
        environment.write_stderr(text + rule_lines(self.sum.rules, environment))
        print_lines(environment, self.sum.lines, shows_all=is_verbose)
        print_different(environment, self.sum.lines)
        if tally.groups:
            from kvsctl.report.failures_table import print_failures
            from kvsctl.report.rich_console import stderr_console

            print_failures(stderr_console(environment), tally.groups, tally.failures)
        if tally.failed and self.sum.dry_run is None:
            for line in retry_lines(self.job.retry, tally, self._kept(), Path.cwd()):
                environment.write_line(line)

    def _kept(self) -> FailuresKept | None:
        """Return what is known of the failures files; None without --failures."""
        path = self.job.reporting.failures_path
        if path is None:
            return None
        from kvsctl.outputs.names import name_in_files  # most runs have no failures

        target = self.job.choice.target
        names = (line.installation for line in self.sum.lines)
        targets = (replace(target, installation=name) for name in names)
        words = (name_in_files(target) for target in targets)
        files = (path.with_name(path.name.replace("{installation}", word)) for word in words)
        lacks_some = bool(self.sum.not_begun) or not all(file.exists() for file in files)
        # The same job continues the files if it has a ledger or journals.
        return FailuresKept(
            path, self.sum.tally.has_unreadable, is_complete=False, lacks_some=lacks_some
        )

    def _is_refused(self, end: "_End") -> bool:
        """Return whether an error has ended the job before it worked on a record."""
        if end.error is None:
            return False
        if self.sum.not_begun == len(self.sum.lines):
            return True
        is_refusal = isinstance(end.error, UsageError | Interrupted | WorkLeft)
        return is_refusal and self.sum.tally.records == self.sum.tally.skipped

    def _print_error(self, end: "_End") -> None:
        if end.error is not None:
            self.environment.fail(end.error.message, end.error.hint)
        elif self.sum.failed and end.interrupted is None:
            self.environment.note(self._failed)

    @property
    def _failed(self) -> str:
        """How many installations failed, for people."""
        differs, count = self.sum.compared is not None, len(self.sum.lines)
        if count == 1:
            return f"the installation {'differs or failed' if differs else 'failed'}"
        what = "differ or failed" if differs else "failed"
        return f"{self.sum.failed:,} of {count:,} installations {what}"

    def _bad_sum(self) -> Defect | None:
        try:
            self.sum.tally.check_sum()
        except Defect as defect:
            return defect
        return None


class _End(msgspec.Struct, frozen=True):
    """How the job ended as a whole."""

    error: KvsctlError | None
    interrupted: ExitStatus | None
    elapsed_seconds: float

    def with_error(self, error: KvsctlError) -> "_End":
        """Return the same end with one more error."""
        return _End(graver(self.error, error), self.interrupted, self.elapsed_seconds)
