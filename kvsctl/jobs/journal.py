"""Begin, resume and keep a job's journal."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from kvsctl.bulk.events import Listener
from kvsctl.bulk.feeds import Feed
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.errors import KvsctlError, UsageError
from kvsctl.files.compressed import MarkedCompressedSink, compressor_of
from kvsctl.files.mounts import network_file_system
from kvsctl.files.sinks import ByteSink, MarkedSink, PartFile, part_path
from kvsctl.jobs.job import BatchJob, Journalling
from kvsctl.jobs.replacing import require_replaceable
from kvsctl.journal.fingerprint import change, option_named
from kvsctl.journal.state import Group, Header, JournalState, Stage
from kvsctl.model import Problem, Record
from kvsctl.report.document import About
from kvsctl.unexpected import explained

if TYPE_CHECKING:
    # What keeps a journal or a failures file is imported by the jobs that have one.
    from kvsctl.journal.file import JournalFile
    from kvsctl.journal.resume import ResumedFeed
    from kvsctl.journal.writer import JournalWriter
    from kvsctl.listing.remainder import Cutoff, Remainder
    from kvsctl.outputs.failures import FailuresFile

_SAME_COMMAND: Final = (
    "A journal can be resumed only by the command that began it. Use another file to start anew."
)


def is_begun(journal: Journalling | None) -> bool:
    """Return whether an earlier run has begun the journal: its failures file is the job's own.

    Then that file need not look like one: a kill or a power loss may have torn its only line.
    """
    try:
        return journal is not None and journal.path.stat().st_size > 0
    except OSError:
        return False


@contextmanager
def opened_journal(
    job: BatchJob, about: About, warn: Callable[[str], None]
) -> "Iterator[JournalFile | None]":
    """Open and lock the job's journal, begun or ready to be resumed; None if the job has none.

    Raise UsageError, with nothing changed, if the journal belongs to another job.
    """
    asked = job.journal
    if asked is None:
        yield None
        return
    from kvsctl.journal.file import JournalFile

    with JournalFile(asked.path) as file:
        kind = network_file_system(asked.path)
        if kind is not None:
            warn(
                f"the journal is on a network file system ({kind}): the last writes may be lost "
                "there, and a second run may not be kept out"
            )
        now = _header(job, about)
        # Failed records are listed again, so they are counted again, once.
        retries_failed = asked.retry_failed or job.cleanup is not None
        if file.header is None:
            file.begin(now)
        elif job.input.is_listing and file.state.stage is Stage.COMPLETE:
            file.start_over(now)  # the store may have changed
        else:
            _require_same(file.header, now, is_forced=asked.force)
            _require_same_failures(file.state, now, retries_failed=retries_failed)
            if file.state.failures_path != now.failures_path:
                require_replaceable(job.reporting)
            if not (asked.force or (file.state.stage is Stage.COMPLETE and not retries_failed)):
                _require_same_undo(job, file)
        if retries_failed and len(file.state.retryable):
            _retry_failed(file, now)
        yield file


def begun(about: About, file: "JournalFile") -> About:
    """Return `about` with the time at which the journal was begun."""
    assert file.header is not None  # noqa: S101
    return replace(about, started_at=datetime.fromisoformat(file.header.started_at))


def _header(job: BatchJob, about: About) -> Header:
    assert job.journal is not None  # noqa: S101
    installation = job.target.installation
    return Header(
        version=about.version,
        command=about.command,
        target=about.target + (f" installation {installation}" if installation else ""),
        form=job.journal.identity,
        input=job.input.fingerprint(),
        failures_path=_real(job.reporting.failures_path),
        output_path=_real(job.records.path if job.records else None),
        in_order=_settles_in_order(job),
        started_at=about.started_at.astimezone(UTC).isoformat(),
    )


def _require_same(then: Header, now: Header, *, is_forced: bool) -> None:
    for name, one, other in (
        ("command", then.command, now.command),
        ("target", then.target, now.target),
        ("output", then.output_path, now.output_path),
    ):
        if one != other:
            raise UsageError(
                f"the {name} is {_shown(other)}, but was {_shown(one)} when the journal was begun",
                _SAME_COMMAND,
            )
    if now.in_order and not then.in_order:
        raise UsageError(
            "the journal was begun with --unordered", "Use --unordered again to resume it."
        )
    if is_forced:
        return
    for name in sorted({*then.form, *now.form}):
        one, other = then.form.get(name), now.form.get(name)
        if one != other:
            flag = option_named(name)
            raise UsageError(
                f"{flag} is {_shown(other)}, but was {_shown(one)} when the journal was begun",
                _SAME_COMMAND + " --journal-force resumes all the same.",
            )
    changed = change(then.input, now.input)
    if changed is not None:
        raise UsageError(
            f"the input has changed since the journal was begun: {changed}",
            "The journal counts records by position, which may mean other records now. Start "
            "anew with another journal, or resume all the same with --journal-force.",
        )


def _require_same_failures(state: JournalState, now: Header, *, retries_failed: bool) -> None:
    if state.failures_path != now.failures_path and not retries_failed:
        raise UsageError(
            f"--failures is {_shown(now.failures_path)}, but was {_shown(state.failures_path)} "
            "when the journal was begun",
            "Give the same --failures, or add --retry-failed, which begins a new file.",
        )


def _require_same_undo(job: BatchJob, file: "JournalFile") -> None:
    from kvsctl.jobs.cleanup.undo import require_same_undo  # few jobs change what they keep

    assert file.header is not None  # noqa: S101
    moment = datetime.fromisoformat(file.header.started_at)
    path = None if job.undo is None else job.undo.place(moment, job.target)
    require_same_undo(path, file.state)


def _retry_failed(file: "JournalFile", now: Header) -> None:
    from kvsctl.journal.totals import without_retryable

    state = file.state
    group = Group(
        totals=without_retryable(state),
        output_bytes=state.output_bytes,
        elapsed_seconds=state.elapsed_seconds,
        retries_failed=True,
        failures_path=now.failures_path,
    )
    file.append(group)
    state.apply(group)


def _settles_in_order(job: BatchJob) -> bool:
    """Return whether a record counts as settled only if every earlier one is."""
    return job.keeps_ranges or (job.records is not None and job.records.in_order)


def _real(path: Path | None) -> str | None:
    return None if path is None else os.path.realpath(path)


def _shown(value: object) -> str:
    if value in (None, False):
        return "not given"
    return "given" if value is True else str(value)


class JobJournal:
    """A job's journal during a run. `state`: what it held when the run began; None: no journal."""

    def __init__(self, job: BatchJob, file: "JournalFile | None") -> None:
        self._job = job
        self._file = file
        self.state: JournalState | None = file.state if file else None
        self.remainder: Remainder | None = None
        """What is left of the job's listing, if it has one and a journal."""
        if self.state is not None and job.keeps_ranges:
            self.remainder = _remainder(self.state)
        self.cutoff: Cutoff | None = None
        """When the ages of a clean-up count from, if the job is one and has a journal."""
        if self.state is not None and job.cleanup is not None:
            self.cutoff = _cutoff(self.state)
        self._started = time.monotonic()
        self._failures: FailuresFile | None = None
        self._writer: JournalWriter | None = None
        self._executor: ThreadPoolExecutor | None = None
        self._tally: Tally | None = None
        self._resumed: ResumedFeed | None = None

    def may_append_to(self, undo_path: Path) -> bool:
        """Return whether an earlier run of the job has opened this undo file."""
        return self.state is not None and self.state.undo_path == _real(undo_path)

    def note_undo(self, path: Path | None) -> None:
        """Write at once which undo file was opened, or that there is none. Raise KvsctlError."""
        if self._writer is not None:
            self._writer.finish(Stage.RUNNING, undo_path=_real(path), keeps_no_undo=path is None)

    @property
    def earlier_seconds(self) -> float:
        """How many seconds earlier runs of the job took."""
        return self.state.elapsed_seconds if self.state else 0.0

    def free_positions(self) -> Iterator[int]:
        """Return the positions that no earlier run has settled, in order."""
        start = 0
        for settled_start, settled_stop in () if self.state is None else list(self.state.settled):
            yield from range(start, settled_start)
            start = settled_stop
        yield from count(start)

    def tally(self) -> Tally:
        """Return the totals of the job: those of earlier runs, to be added to."""
        if self.state is None:
            self._tally = Tally()
        else:
            from kvsctl.journal.totals import restored

            self._tally = restored(self.state.totals)
        return self._tally

    def failures_file(self, path: Path) -> "FailuresFile | None":
        """Open the failures file at the journal's mark; None if an earlier run completed it.

        Raise UsageError if it cannot be opened.
        """
        if self.state is not None and _is_complete(path, self.state):
            return None
        from kvsctl.outputs.failures import FailuresFile

        self._failures = FailuresFile(path, self._job.plan.verb, self.state)
        return self._failures

    def part_file(self, path: Path) -> MarkedSink | None:
        """Open the output at the journal's mark; None without a journal. Raise UsageError."""
        if self.state is None:
            return None
        kept, may_be_complete = self.state.output_bytes, self.state.has_ended
        part = PartFile(path, kept_bytes=kept, may_be_complete=may_be_complete)
        compress = compressor_of(path)
        return part if compress is None else MarkedCompressedSink(part, compress)

    def written_part(self, path: Path | None) -> Path | None:
        """Return the file with the output of earlier runs; None if there is none."""
        has_part = self.state is not None and bool(self.state.output_bytes)
        return part_path(path) if has_part and path is not None else None

    def listeners(
        self,
        sink: ByteSink | None,
        fail: Callable[[KvsctlError], None],
        is_torn: Callable[[], bool],
    ) -> list[Listener]:
        """Return the listener that writes the journal; it must come last.

        `fail` receives the error if the journal cannot be written. `is_torn`: see JournalWriter.
        """
        if self._file is None:
            return []
        from kvsctl.journal.writer import JournalWriter

        self._executor = ThreadPoolExecutor(1, "journal")
        self._writer = JournalWriter(
            self._file,
            self._job.plan.verb,
            self._executor,
            failures=self._failures,
            output=sink if isinstance(sink, PartFile | MarkedCompressedSink) else None,
            in_order=_settles_in_order(self._job),
            counted=self._tally,
            listing=self.remainder or self.cutoff,
            elapsed=lambda: self.earlier_seconds + time.monotonic() - self._started,
            fail=fail,
            is_torn=is_torn,
        )
        return [self._writer]

    def feed(self, feed: Feed) -> Feed:
        """Return the input of the run, without the records that are settled in the journal.

        A listing leaves them out by itself: see `remainder`.
        """
        if self.state is None or self._job.keeps_ranges:
            return feed
        from kvsctl.journal.resume import ResumedFeed

        self._resumed = ResumedFeed(feed, self.state, self._replay)
        return self._resumed

    @property
    def passed(self) -> int:
        """How many of the records that were read an earlier run has settled."""
        return 0 if self._resumed is None else self._resumed.passed

    @property
    def held_bytes(self) -> int:
        """The size of settled outcomes that wait for an earlier position before they are noted."""
        return 0 if self._writer is None else self._writer.held_bytes

    def note(self, stage: Stage, *, has_removed_undo: bool = False) -> KvsctlError | None:
        """Write everything not yet written; return the error if that fails.

        `has_removed_undo`: the undo file was removed, because it was empty.
        """
        try:
            if self._writer is not None:
                self._writer.finish(stage, undo_path="" if has_removed_undo else None)
        except KvsctlError as error:
            return error
        except Exception as error:
            return explained(error)
        return None

    def end_thread(self) -> None:
        """Let the writing thread end, once it has written everything submitted.

        Call it after the last event; `note` writes without it.
        """
        if self._writer is not None:
            self._writer.leave_executor()
        if self._executor is not None:
            self._executor.shutdown(wait=False)

    def _replay(self, pieces: Sequence[Record | Problem]) -> None:
        if self._failures is not None:
            self._failures.replay(pieces)
        if self._writer is not None:
            self._writer.replay(pieces)


def _remainder(state: JournalState) -> "Remainder":
    from kvsctl.listing.remainder import Remainder  # few commands need it

    settled = state.totals.counts.get("records", 0)
    return Remainder(state.left, settled, state.ages_count_from)


def _cutoff(state: JournalState) -> "Cutoff":
    from kvsctl.listing.remainder import Cutoff  # few commands need it

    return Cutoff(state.ages_count_from)


def _is_complete(path: Path, state: JournalState) -> bool:
    """Return whether an earlier run ended the job and removed the superseded lines.

    Only removing lines makes the file shorter than the journal's last mark.
    """
    is_shorter = path.exists() and path.stat().st_size < state.failures.length
    return state.stage is Stage.ENDED and is_shorter
