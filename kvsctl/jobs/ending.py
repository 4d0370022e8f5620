"""Report a finished run: save and print the report, then errors; choose the exit status."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec.structs import replace

from kvsctl.bulk.feeds import NO_RECORDS
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.errors import (
    CredentialsError,
    Defect,
    ExitStatus,
    Interrupted,
    KvsctlError,
    StreamError,
    UsageError,
    WorkLeft,
)
from kvsctl.files.raw import write_all
from kvsctl.files.sinks import status_of
from kvsctl.jobs.job import BatchJob, JobEnd
from kvsctl.model import GET
from kvsctl.report.console import Environment
from kvsctl.report.document import (
    About,
    ReportFile,
    error_members,
    input_lines,
    report_document,
)
from kvsctl.report.dry_run import DryRun
from kvsctl.report.escape import visible
from kvsctl.report.failed.retry_line import FailuresKept, retry_lines
from kvsctl.report.schema import document_line
from kvsctl.report.store.rules import RuleReport, rule_lines
from kvsctl.report.summary import EarlyEnd, summary

if TYPE_CHECKING:
    from kvsctl.journal.file import JournalFile

_NO_KEYS: Final = "no keys were found"
_NONE_BY_RULES: Final = "no rule chose a record"


class End(msgspec.Struct, frozen=True):
    """How a run ended.

    `is_unread`: the reader of its output has closed the pipe. `is_cut_short`: it ended before the
    input ended or failed.
    """

    error: KvsctlError | None
    interrupted: ExitStatus | None
    elapsed_seconds: float
    is_unread: bool = False
    is_cut_short: bool = False

    @property
    def message(self) -> str | None:
        """The message of the error that ended it, if any."""
        return None if self.error is None else self.error.message

    @property
    def hint(self) -> str | None:
        """What to do about that error, if that is known."""
        return None if self.error is None else self.error.hint


def exit_status(end: End, *, has_failures: bool) -> ExitStatus:
    """Return the exit status of a run: the one with the highest precedence.

    The order is the command line's contract: a defect, failed input or output, an interrupt, an
    unread pipe, any other error, failed records.
    """
    if isinstance(end.error, Defect | StreamError):
        return end.error.status
    if end.interrupted is not None:
        return end.interrupted
    if end.is_unread:
        return ExitStatus.PIPE_CLOSED
    if end.error is not None:
        return end.error.status
    return ExitStatus.FAILURES if has_failures else ExitStatus.OK


def graver(one: KvsctlError | None, other: KvsctlError | None) -> KvsctlError | None:
    """Return the error whose exit code takes precedence: a defect, then failed input or output.

    Of two with equal precedence, return the first.
    """
    for kind in (Defect, StreamError, KvsctlError):
        for error in (one, other):
            if isinstance(error, kind):
                return error
    return None


class Ending(msgspec.Struct, frozen=True):
    """Everything needed to report a finished run.

    `failures_path`: where failed records were written. `dry_run`: set if nothing was sent. `rules`:
    those of a clean-up. `shown`: lines that show some of the records of a dry run.
    """

    job: BatchJob
    about: About
    environment: Environment
    tally: Tally
    report: ReportFile | None
    failures_path: Path | None
    dry_run: DryRun | None = None
    rules: Sequence[RuleReport] = ()
    shown: Sequence[str] = ()

    def publish(self, end: End) -> ExitStatus:
        """Write the report to every place that was asked for, even if some of them fail.

        Return the exit status, which is also in each report written after the last failure.
        """
        end = self._published(end)
        watcher = self.job.watcher
        if watcher is not None:
            report = self._document(end) if watcher.wants_report else None
            job_end = JobEnd(
                self.tally,
                end.elapsed_seconds,
                end.message,
                self.dry_run,
                self.rules,
                report,
                hint=end.hint,
            )
            watcher.note_end(job_end)
        return self._status(end)

    def _published(self, end: End) -> End:
        """Do what `publish` does; return how the run has ended then."""
        end = self._save(end)
        if self._status(end) is ExitStatus.PIPE_CLOSED:
            return end
        reporting, environment_log = self.job.reporting, self.environment.log
        shares_stderr = reporting.as_json and self.job.records is not None
        if shares_stderr:  # on stderr the JSON report is the last line
            self._print_errors(end)
        if reporting.as_json:
            printed = self._print_json(end)
            if printed != end:  # the saved report must not claim success
                end = self._save(printed)
            if self._status(end) is ExitStatus.PIPE_CLOSED:
                return end
        elif environment_log is not None:
            if not (reporting.quiet and self._status(end) is ExitStatus.OK):
                environment_log.end(self._document(end))
        elif not ((reporting.quiet and self._status(end) is ExitStatus.OK) or self._is_plain(end)):
            self._print_tables(end)
        if not shares_stderr:
            self._print_errors(end)
        return end

    def _status(self, end: End) -> ExitStatus:
        return exit_status(end, has_failures=bool(self.tally.failed))

    def _is_plain(self, end: End) -> bool:
        """Return whether a report would only repeat what the user typed: all of it succeeded."""
        tally = self.tally
        return (
            self.environment.stderr_is_terminal
            and self.job.input.is_typed
            and not (self.job.reporting.verbosity or self.dry_run)
            and self._status(end) is ExitStatus.OK
            and 0 < tally.records == tally.succeeded
            and not tally.ambiguous
        )

    def _is_refused(self, end: End) -> bool:
        """Return whether an error has ended the job before it changed a record.

        A listing may still have cost units, and counted records that are left alone.
        """
        tally = self.tally
        if end.error is None or tally.is_blank:
            return end.error is not None
        if isinstance(end.error, CredentialsError) and not tally.requests:
            return tally.records == tally.unsent  # there was no token to begin with
        changes = self.job.plan.verb is not GET
        is_refusal = isinstance(end.error, UsageError | Interrupted | WorkLeft)
        return (
            is_refusal and changes and self.job.input.is_listing and tally.records == tally.skipped
        )

    def _early_end(self, end: End) -> EarlyEnd | None:
        tally, fraction_read = self.tally, self.job.input.fraction_read()
        if isinstance(end.error, Interrupted):
            return None  # the error says what was not done
        leaves_input = end.is_cut_short and fraction_read != 1.0
        if not (leaves_input or end.interrupted or tally.unknown or tally.unsent):
            return None
        return EarlyEnd(
            fraction_read,
            self.job.journal is not None,
            takes_journal=self.job.takes_journal,
            only_the_rest=self.job.only_the_rest,
        )

    def _line(self, end: End) -> bytes:
        return document_line(self._document(end))

    def _document(self, end: End) -> dict[str, Any]:
        document = report_document(
            self.tally,
            self.about,
            self._status(end),
            end.elapsed_seconds,
            interrupted=end.interrupted is not None,
        )
        document["inputs"] = self.job.input.inputs_read()
        if self.job.deletions is not None:
            document["planned"] = self.job.deletions.planned
        if any(rule.name is not None for rule in self.rules):
            document["rules"] = [rule.members for rule in self.rules]
        if end.error is not None:
            document["error"] = error_members(end.error)
        return document | (self.dry_run.members if self.dry_run else {})

    def _save(self, end: End) -> End:
        """Save the report file; return how the run has ended now."""
        if self.report is not None:
            try:
                self.report.save(self._line(end))
            except StreamError as unsaved:
                return replace(end, error=graver(end.error, unsaved))
        return end

    def _print_json(self, end: End) -> End:
        """Print to stdout or, if stdout is for records, to stderr, which may be closed.

        Return how the run has ended now.
        """
        environment, line = self.environment, self._line(end)
        if self.job.records is not None:
            environment.write_stderr_bytes(line)
        elif environment.stdout_fd is not None:
            try:
                write_all(environment.stdout_fd, line)
            except OSError as broken:
                if status_of(broken) is ExitStatus.PIPE_CLOSED:
                    return replace(end, is_unread=True)
                unprinted = StreamError(f"cannot write the report to stdout: {broken.strerror}")
                return replace(end, error=graver(end.error, unprinted))
        return end

    def _print_tables(self, end: End) -> None:
        environment, groups = self.environment, self.tally.groups
        if environment.stderr_fd is None or self._is_refused(end):
            return  # nothing can be shown, or the error says everything
        if self.job.reporting.verbosity:
            for line in input_lines(self.job.input.inputs_read()):
                environment.write_line(line)
        environment.write_stderr(
            summary(
                environment,
                self.tally,
                self.about,
                end.elapsed_seconds,
                self.dry_run,
                self._early_end(end),
            )
        )
        environment.write_stderr(rule_lines(self.rules, environment))
        environment.write_stderr("".join(f"{line}\n" for line in self.shown))
        if groups:
            from kvsctl.report.failures_table import print_failures
            from kvsctl.report.rich_console import stderr_console

            print_failures(stderr_console(environment), groups, self.tally.failures)
        if self.tally.failed:
            words = None if self.dry_run is not None else self.job.retry
            for line in retry_lines(words, self.tally, self._kept(end), Path.cwd()):
                environment.write_line(line)

    def _kept(self, end: End) -> FailuresKept | None:
        """Return what is known of the failures file; None without one."""
        path, tally = self.failures_path, self.tally
        if path is None:
            return None
        has_raw = tally.has_unreadable
        if tally.earlier and not has_raw:  # only the file knows of earlier runs
            from kvsctl.outputs.failures import holds_raw_lines  # open files have loaded it

            with suppress(OSError):
                has_raw = holds_raw_lines(path)
        has_ended = end.error is None and end.interrupted is None
        is_complete = has_ended and not (tally.unknown or tally.unsent)
        return FailuresKept(path, has_raw=has_raw, is_complete=is_complete)

    def _print_errors(self, end: End) -> None:
        """Print warnings, and the error that ended the run, or that the input was empty."""
        environment, error = self.environment, end.error
        if not self.job.reporting.quiet:
            for warning in self.job.input.warnings():
                environment.warn(visible(warning))
        if error is not None:
            environment.fail(error.message, error.hint)
        elif not (self.tally.records or end.interrupted or self.job.reporting.quiet):
            nothing = _NO_KEYS if self.job.input.is_listing else NO_RECORDS
            nothing = _NONE_BY_RULES if any(rule.name for rule in self.rules) else nothing
            shard = "" if self.job.shard is None else f" in shard {self.job.shard}"
            environment.note(f"{nothing}{shard}")


def report_complete(
    job: BatchJob, about: About, environment: Environment, file: "JournalFile"
) -> ExitStatus:
    """Report a job that an earlier run has completed. Return its exit status. Raise StreamError."""
    from kvsctl.journal.totals import restored

    state = file.state
    tally = restored(state.totals)
    document = report_document(tally, about, ExitStatus.OK, state.elapsed_seconds)
    if job.watcher is not None:
        job.watcher.note_end(JobEnd(tally, state.elapsed_seconds, None, report=document))
    line = document_line(document)
    if job.reporting.report_path is not None:
        report = ReportFile(job.reporting.report_path)
        try:
            report.save(line)
        finally:
            report.close()
    if job.reporting.as_json:
        return print_report_line(line, environment, is_for_stdout=job.records is None)
    if not job.reporting.quiet:
        if environment.log is not None:
            environment.log.end(document)
        counts = f"{tally.records:,} records, {tally.succeeded:,} succeeded"
        if tally.failed:
            counts += f", {tally.failed:,} failed"
        environment.note(
            f"already complete: {counts}",
            "Use --retry-failed to retry the failures." if state.retryable else None,
        )
    return ExitStatus.OK


def print_report_line(line: bytes, environment: Environment, *, is_for_stdout: bool) -> ExitStatus:
    """Print a report to stdout or stderr, and return the exit status.

    Raise StreamError if stdout cannot be written.
    """
    if not is_for_stdout:
        environment.write_stderr_bytes(line)
    elif environment.stdout_fd is not None:
        try:
            write_all(environment.stdout_fd, line)
        except OSError as broken:
            if status_of(broken) is ExitStatus.PIPE_CLOSED:
                return ExitStatus.PIPE_CLOSED
            raise StreamError(f"cannot write the report to stdout: {broken.strerror}") from broken
    return ExitStatus.OK
