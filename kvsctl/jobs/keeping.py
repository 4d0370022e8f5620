"""What a run does with its journal from the first record to the last; nothing if it has none."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kvsctl.bulk.events import Listener
from kvsctl.bulk.feeds import Feed
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.errors import KvsctlError, StreamError
from kvsctl.files.sinks import ByteSink, PartFile
from kvsctl.jobs.job import BatchJob
from kvsctl.journal.file import JournalFile
from kvsctl.journal.resume import ResumedFeed
from kvsctl.journal.state import JournalState, Stage
from kvsctl.journal.totals import restored
from kvsctl.journal.writer import JournalWriter
from kvsctl.model import Problem, Record
from kvsctl.outputs.failures import FailuresFile


class Keeping:
    """A job's journal in use. `state` is what it said when the run began; None: no journal."""

    def __init__(self, job: BatchJob, file: JournalFile | None) -> None:
        self._job = job
        self._file = file
        self.state: JournalState | None = file.state if file else None
        self._started = time.monotonic()
        self._failures: FailuresFile | None = None
        self._writer: JournalWriter | None = None
        self._tally: Tally | None = None

    @property
    def earlier_seconds(self) -> float:
        """How long earlier runs of the job took."""
        return self.state.elapsed_seconds if self.state else 0.0

    def tally(self) -> Tally:
        """A count that goes on from the earlier runs."""
        self._tally = restored(self.state.totals) if self.state else Tally()
        return self._tally

    def failures_file(self, path: Path) -> FailuresFile | None:
        """The failures file, open where it goes on; None if an earlier run has completed it.

        Raises UsageError if it cannot be opened.
        """
        if self.state is not None and _is_complete(path, self.state):
            return None
        self._failures = FailuresFile(path, self._job.plan.verb, self.state)
        return self._failures

    def part_file(self, path: Path) -> PartFile | None:
        """The output, open where it goes on; None without a journal. Raises UsageError."""
        if self.state is None:
            return None
        kept, may_be_complete = self.state.output_bytes, self.state.has_ended
        return PartFile(path, kept_bytes=kept, may_be_complete=may_be_complete)

    def listeners(
        self, sink: ByteSink | None, fail: Callable[[KvsctlError], None]
    ) -> list[Listener]:
        """Who writes the journal, to be last. `fail` hears what keeps it from being written."""
        if self._file is None:
            return []
        records = self._job.records
        self._writer = JournalWriter(
            self._file,
            self._job.plan.verb,
            ThreadPoolExecutor(1, "journal"),
            failures=self._failures,
            output=sink if isinstance(sink, PartFile) else None,
            in_order=records is not None and records.in_order,
            counted=self._tally,
            elapsed=lambda: self.earlier_seconds + time.monotonic() - self._started,
            fail=fail,
        )
        return [self._writer]

    def feed(self, feed: Feed) -> Feed:
        """The input of the run, without what is settled in the journal."""
        return feed if self.state is None else ResumedFeed(feed, self.state, self._replay)

    def note(self, stage: Stage) -> StreamError | None:
        """Writes what is not yet written; returns what kept it from that."""
        try:
            if self._writer is not None:
                self._writer.finish(stage)
        except StreamError as error:
            return error
        return None

    def _replay(self, pieces: Sequence[Record | Problem]) -> None:
        if self._failures is not None:
            self._failures.replay(pieces)
        if self._writer is not None:
            self._writer.replay(pieces)


def _is_complete(path: Path, state: JournalState) -> bool:
    """Whether an earlier run ended the job and took the replaced lines out of the file.

    Taking lines out makes it shorter than the journal's last mark; nothing else does.
    """
    is_shorter = path.exists() and path.stat().st_size < state.failures.length
    return state.stage is Stage.ENDED and is_shorter
