"""Report a job to monitoring: pings when it starts and ends, and a metrics file.

If one of them fails, that is a warning, and does not change how the job ends.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from kvsctl.errors import ExitStatus, StreamError
from kvsctl.jobs.job import Job, JobEnd
from kvsctl.outputs.metrics import RunMetrics, save_metrics
from kvsctl.report.escape import visible
from kvsctl.report.summary import totals_line

if TYPE_CHECKING:
    from kvsctl.service.monitoring import PingUrl


class Monitoring(msgspec.Struct, frozen=True):
    """Where a job reports to. `ping_url` and `metrics_path` None: nowhere."""

    ping_url: "PingUrl | None" = None
    metrics_path: Path | None = None


class Watch:
    """Watches one command from its start to its exit code. `warn` receives what fails.

    The first ping is sent in a thread, and the work does not wait for it.
    """

    wants_report: Final = False
    """See `jobs.job.Watcher`."""

    def __init__(
        self,
        command: str,
        monitoring: Monitoring,
        warn: Callable[[str], None],
        *,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        self._command = command
        self._monitoring = monitoring
        self._warn = warn
        self._epoch = epoch
        self._started_at = epoch()
        self._labels = {"command": command}
        self._end: JobEnd | None = None
        self._first: threading.Thread | None = None
        self._first_trouble: str | None = None

    def start(self) -> None:
        """Signal that the command has started."""
        if self._monitoring.ping_url is not None:
            # A daemon, so that a command that is aborted does not wait for it.
            first = threading.Thread(target=self._send_first, name="kvsctl-ping", daemon=True)
            try:
                first.start()
                self._first = first
            except RuntimeError as error:  # no thread can be started
                self._first_trouble = str(error)

    def take_job(self, job: Job) -> None:
        """Take the job that the command carries out: its labels name it."""
        self._labels |= job.labels

    def note_end(self, end: JobEnd) -> None:
        """Take how the job ended. See `jobs.job.Watcher`."""
        self._end = end

    def finish(self, status: ExitStatus, error: str | None = None) -> None:
        """Write the metrics file and signal the exit code. `error`: why it is not 0."""
        end = self._end
        self._write_metrics(status, end)
        if self._monitoring.ping_url is not None:
            self._ping_end(int(status), self._line(status, end, error))

    def _line(self, status: ExitStatus, end: JobEnd | None, error: str | None) -> str:
        """Return the report in one line, without keys or values."""
        error = (end.error if end is not None else None) or error
        parts = [f"kvsctl {self._command}"]
        if "target" in self._labels:
            parts[0] += f" {visible(self._labels['target'])}"
        parts.append(f"exit code {int(status)}")
        if end is not None and end.tally is not None:
            parts.append(totals_line(end.tally, end.elapsed_seconds))
        if error is not None:
            parts.append(visible(error))
        return ": ".join([parts[0], "; ".join(parts[1:])])

    def _write_metrics(self, status: ExitStatus, end: JobEnd | None) -> None:
        path = self._monitoring.metrics_path
        if path is None:
            return
        tally = None if end is None else end.tally
        run = RunMetrics(self._labels, self._started_at, self._epoch(), status, tally)
        try:
            save_metrics(path, run)
        except StreamError as error:
            self._warn(error.message)

    def _ping_end(self, status: int, line: str) -> None:
        from kvsctl.service.monitoring import PING_SECONDS, ping

        url = self._monitoring.ping_url
        assert url is not None  # noqa: S101
        if self._first is not None:
            self._first.join(PING_SECONDS)  # so that the end does not arrive before the start
        trouble = asyncio.run(ping(url, str(status), line))
        for what, why in (("start", self._first_trouble), ("end", trouble)):
            if why is not None:
                self._warn(f"cannot signal the {what} to {url.host} (--ping-url): {visible(why)}")

    def _send_first(self) -> None:
        from kvsctl.service.monitoring import ping

        url = self._monitoring.ping_url
        assert url is not None  # noqa: S101
        self._first_trouble = asyncio.run(ping(url, "start", ""))
