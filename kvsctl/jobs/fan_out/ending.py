"""Add up how the units of a job ended, and report it."""

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from kvsctl import __version__
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.errors import ExitStatus, StreamError
from kvsctl.files.raw import write_all
from kvsctl.files.sinks import status_of
from kvsctl.jobs.fan_out.job import FanOutJob
from kvsctl.jobs.fan_out.unit import UnitEnd
from kvsctl.jobs.job import JobEnd
from kvsctl.report.console import Environment
from kvsctl.report.document import About, ReportFile, report_document
from kvsctl.report.escape import visible
from kvsctl.report.failed.retry_line import FailuresKept, retry_lines
from kvsctl.report.merging.merged import gravest, merged
from kvsctl.report.merging.shown import tally_of
from kvsctl.report.schema import document_line
from kvsctl.report.summary import summary, totals_line
from kvsctl.texts import counted


class FanOutEnding:
    """Collects the ends of units, and reports their sum."""

    def __init__(
        self,
        job: FanOutJob,
        environment: Environment,
        report: ReportFile | None,
        started_at: datetime,
    ) -> None:
        self._job = job
        self._environment = environment
        self._report = report
        self._about = About(
            job.command,
            job.labels.get("target", ""),
            __version__,
            started_at,
            covers=f"{len(job.units):,} parts",
        )
        self._ends: list[UnitEnd] = []
        self._warned: set[str] = set()

    def take(self, end: UnitEnd) -> None:
        """Take how a unit ended, and show it in a line, with its warnings and errors."""
        self._ends.append(end)
        environment, name = self._environment, visible(end.name)
        if not self._job.reporting.quiet:
            for warning in end.warnings:
                if warning not in self._warned:
                    self._warned.add(warning)
                    environment.warn(warning)
            tally = None if end.report is None else tally_of(end.report)
            if end.report is not None and tally and not (end.errors and tally.is_blank):
                environment.note(f"{name}: {totals_line(tally, end.report['elapsed_s'])}")
        for message, hint in end.errors:
            text = message if message.startswith(end.name) else f"{end.name}: {message}"
            environment.fail(text, hint)

    def publish(self, interrupted: ExitStatus | None, elapsed_seconds: float) -> ExitStatus:
        """Report the sum everywhere it was asked for. Return the exit status."""
        statuses = [end.status for end in self._ends]
        status = gravest(statuses if interrupted is None else [*statuses, interrupted])
        document = self._document(status, interrupted, elapsed_seconds)
        error: StreamError | None = None
        if self._report is not None:
            try:
                self._report.save(document_line(document))
            except StreamError as unsaved:
                error = unsaved
        tally = tally_of(document)
        try:
            self._print(document, tally, elapsed_seconds, status)
        except OSError as broken:
            if status_of(broken) is ExitStatus.PIPE_CLOSED:
                return gravest([status, ExitStatus.PIPE_CLOSED])
            error = error or StreamError(f"cannot write the report to stdout: {broken.strerror}")
        if error is not None:
            self._environment.fail(error.message, error.hint)
            status = gravest([status, error.status])
        if self._job.watcher is not None:
            message = None if error is None else error.message
            self._job.watcher.note_end(JobEnd(tally, elapsed_seconds, message, report=document))
        return status

    def _document(
        self, status: ExitStatus, interrupted: ExitStatus | None, elapsed_seconds: float
    ) -> dict[str, Any]:
        reports = [end.report for end in self._ends if end.report is not None]
        if reports:
            document = merged(reports)
        else:
            document = report_document(Tally(), self._about, status, elapsed_seconds)
        document["parts"] = self._parts()
        document["exit_code"] = int(status)
        document["interrupted"] = document["interrupted"] or interrupted is not None
        return document

    def _parts(self) -> list[dict[str, Any]]:
        """Return a line for each unit. Records of a unit without a report are not in the sum."""
        ends = {end.name: end for end in self._ends}
        lines: list[dict[str, Any]] = []
        for unit in self._job.units:
            end = ends.get(unit.name)
            exit_code = None if end is None else int(end.status)
            has_report = end is not None and end.report is not None
            lines.append({"part": unit.name, "exit_code": exit_code, "has_report": has_report})
        return lines

    def _print(
        self, document: dict[str, Any], tally: Tally, elapsed_seconds: float, status: ExitStatus
    ) -> None:
        """Print the sum. Raise OSError if stdout cannot be written."""
        job, environment = self._job, self._environment
        if job.reporting.as_json:
            line = document_line(document)
            if job.prints_records:
                environment.write_stderr_bytes(line)
            elif environment.stdout_fd is not None:
                write_all(environment.stdout_fd, line)
            return
        if job.reporting.quiet and status is ExitStatus.OK:
            return
        if environment.log is not None:
            environment.log.end(document)
            return
        if tally.is_blank and any(end.errors for end in self._ends):
            return
        environment.write_stderr(summary(environment, tally, self._about, elapsed_seconds))
        lacking = sum(not part["has_report"] for part in document["parts"])
        if lacking:
            units = counted(len(job.units), "part")
            environment.note(f"{lacking:,} of {units} have no report and are not in the sum")
        if tally.groups:
            from kvsctl.report.failures_table import print_failures
            from kvsctl.report.rich_console import stderr_console

            print_failures(stderr_console(environment), tally.groups, tally.failures)
        if tally.failed:
            for text in retry_lines(job.retry, tally, self._kept(), Path.cwd()):
                environment.write_line(text)

    def _kept(self) -> FailuresKept | None:
        """Return the files of the units in which records failed; None without --failures.

        Those of a cluster may be on other machines.
        """
        path = self._job.reporting.failures_path
        if path is None:
            return None
        from kvsctl.outputs.failures import holds_raw_lines  # most runs have no failures

        failed = {end.name for end in self._ends if end.report and end.report["failed"]}
        files: list[Path] = []
        has_raw = False
        for name, file in self._job.failures_of.items():
            with suppress(OSError):
                if name in failed and file.stat().st_size:
                    files.append(file)
                    has_raw = has_raw or holds_raw_lines(file)
        is_whole = len(files) == len(failed)
        # The same job continues the files if it has journals.
        return FailuresKept(path, has_raw, is_complete=False, files=files if is_whole else [])
