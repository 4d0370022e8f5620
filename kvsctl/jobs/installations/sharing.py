"""What several jobs share: connections, and the standard output that they print records to."""

from collections.abc import Callable
from typing import Final

from kvsctl.errors import UsageError
from kvsctl.files.descriptors import spare_descriptors
from kvsctl.files.sinks import ByteSink, DescriptorWriter
from kvsctl.jobs.job import BatchJob
from kvsctl.report.console import Environment
from kvsctl.service.transport.shared import MOST_IN_FLIGHT, SharedCarriers

_SHARE_OF_CONNECTIONS: Final = 0.75
"""The share of the process's descriptors. The others are for the files of installations."""


def shared_carriers(at_once: int, workers: int = 1) -> SharedCarriers:
    """Return connections for `at_once` jobs, but no more than the process may open.

    Each of several `workers` has its share of what one process would have, because workers of a
    cluster may be threads of one process.
    """
    spare = spare_descriptors()
    most = None if spare is None else max(1, int(spare * _SHARE_OF_CONNECTIONS) // workers)
    return SharedCarriers(at_once, max(1, MOST_IN_FLIGHT // workers), most_connections=most)


class SharedStdout:
    """A writer to stdout that takes whole lines from several jobs at a time."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._writer: DescriptorWriter | None = None
        self._moved: list[Callable[[], None]] = []

    def sink(self, moved: Callable[[], None]) -> ByteSink:
        """Return a sink for one job. `moved` is called when output was written or has failed."""
        if self._writer is None:
            self._writer = DescriptorWriter(self._fd, self._note_moved)
        self._moved.append(moved)
        return _Part(self._writer, lambda: self._moved.remove(moved))

    def complete(self) -> OSError | None:
        """Wait until all is written. Return the error that ended writing early, if any."""
        if self._writer is None:
            return None
        self._writer.complete()
        return self._writer.broken

    def _note_moved(self) -> None:
        """Wake the jobs. The writer's thread calls it."""
        for moved in tuple(self._moved):
            moved()


def shared_stdout(job: BatchJob, environment: Environment) -> SharedStdout | None:
    """Return the writer that all share; None if none prints. Raise UsageError if it is closed."""
    if not job.has_stdout:
        return None
    if environment.stdout_fd is None:
        raise UsageError("cannot print records: stdout is closed", "Use --output FILE.")
    return SharedStdout(environment.stdout_fd)


class _Part:
    """The sink of one of several jobs. Completing it leaves stdout open for the others."""

    def __init__(self, writer: DescriptorWriter, leave: Callable[[], None]) -> None:
        self._writer = writer
        self._leave: Callable[[], None] | None = leave
        self._taken_bytes = 0

    @property
    def lost_bytes(self) -> int:
        """See ByteSink. It is at most what all jobs have lost."""
        return min(self._taken_bytes, self._writer.lost_bytes)

    @property
    def broken(self) -> OSError | None:
        """See ByteSink."""
        return self._writer.broken

    @property
    def pending_bytes(self) -> int:
        """See ByteSink. It is the sum of all jobs."""
        return self._writer.pending_bytes

    def write(self, chunk: bytes) -> None:
        """See ByteSink."""
        self._taken_bytes += len(chunk)
        self._writer.write(chunk)

    def complete(self) -> None:
        """See ByteSink."""
        self._end()

    def abandon(self) -> None:
        """See ByteSink."""
        self._end()

    def _end(self) -> None:
        """Leave the writer to the others, and release the job, which has this sink: see Run."""
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()
