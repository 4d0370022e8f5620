"""The listener that writes settled records to the journal, as often as costs almost nothing."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from typing import Final

from kvsctl.bulk.events import Event, RecordsRead, RequestEnded, Settled
from kvsctl.bulk.outcomes.in_order import Reorder
from kvsctl.bulk.outcomes.positions import SettledRanges
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.errors import KvsctlError, StreamError
from kvsctl.journal.file import JournalFile
from kvsctl.journal.marked import MarkedFailures, MarkedListing, MarkedOutput
from kvsctl.journal.retryable import Retryable
from kvsctl.journal.state import Group, Stage
from kvsctl.journal.totals import TallyNews, restored
from kvsctl.model import SUCCEEDED, Outcome, Problem, Record, State, Verb
from kvsctl.slabs import Slab, Successes, positions_of
from kvsctl.unexpected import explained

GROUP_SECONDS: Final = 0.9
"""The longest time between two groups. Syncing takes the rest of about one second."""
_LEAST_GROUP_SECONDS: Final = 0.1
_COST_FACTOR: Final = 50.0
"""The next group begins after this many times the processor time of the last: that is 2 %."""
_SYNC_FACTOR: Final = 3.0
"""And after this many times the time the write took, because the target may share the disk."""


class JournalWriter:
    """A listener that puts outcomes on disk within about a second, and sooner where that is cheap.

    It must be notified after the failures file and the output. A group is made on the event loop,
    so that all of it is of one moment, and written on `executor`: first the files that it marks are
    synced, then the journal. With `in_order`, the output is in input order, and a record counts as
    settled once every earlier one is, because it is not written before. `counted`, if given, has
    received the same requests, so they are not counted again. `listing`, if given, is the source of
    the records; their positions then settle in order. `fail` is called with the error if the
    journal cannot be written. Once a marked file is broken, nothing more is written.

    The same holds once `is_torn` returns True or a group could not be taken: the files may then
    hold less or more than what has settled. The next run resumes from the last group, as after a
    kill.

    `cpu_seconds` and `wall_seconds` measure what a group costs, in the thread that calls them.
    """

    wants = frozenset({Settled, RequestEnded})

    def __init__(
        self,
        file: JournalFile,
        verb: Verb,
        executor: Executor,
        *,
        failures: MarkedFailures | None = None,
        output: MarkedOutput | None = None,
        in_order: bool = False,
        counted: Tally | None = None,
        listing: MarkedListing | None = None,
        elapsed: Callable[[], float] = lambda: 0.0,
        fail: Callable[[KvsctlError], None] = lambda _: None,
        is_torn: Callable[[], bool] = lambda: False,
        cpu_seconds: Callable[[], float] = time.thread_time,
        wall_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        state = file.state
        self._file = file
        self._earlier_mark = state.failures
        self._executor = executor
        self._failures = failures
        self._output = output
        self._listing = listing
        self._elapsed = elapsed
        self._cpu_seconds = cpu_seconds
        self._wall_seconds = wall_seconds
        self._group_seconds = min(_LEAST_GROUP_SECONDS, GROUP_SECONDS)
        self._fail = fail
        self._is_torn = is_torn
        self._has_crashed = False
        self._tally = restored(state.totals)
        self._counted = counted
        self._news = TallyNews(self._tally)
        self._retryable = Retryable(state) if verb is not Verb.GET else None
        self._may_replace = False  # until something has failed
        self._reorder: Reorder[Sequence[Outcome]] | None = None
        if in_order:
            self._reorder = Reorder(_body_bytes, state.settled)
        self._group = Group()
        self._is_dirty = False
        self._timer: asyncio.TimerHandle | None = None
        self._writing: Future[None] | None = None
        self._has_executor = True

    @property
    def held_bytes(self) -> int:
        """The size of settled outcomes that wait for an earlier position before they are noted."""
        return 0 if self._reorder is None else self._reorder.held_bytes

    def __call__(self, event: Event) -> None:
        """Take in the event, and start the timer of the next group."""
        if isinstance(event, Settled):
            outcomes = event.outcomes
            slab = outcomes.records if isinstance(outcomes, Successes) else None
            if isinstance(slab, Slab) and self._reorder is None and not self._may_replace:
                # Nearly always. The same as `_settle`, without its calls.
                count = len(slab.keys)
                self._tally.records += count
                self._tally.succeeded += count
                self._group.settled.add(slab.position, slab.position + count)
            else:
                self._settle(outcomes)
        elif isinstance(event, RequestEnded):
            if self._counted is None:
                self._tally.count_request(event)
        else:
            return
        self._is_dirty = True
        if self._timer is None and self._writing is None:
            self._begin_later()

    def leave_executor(self) -> None:
        """Submit nothing more to the executor. `finish` writes the rest."""
        self._has_executor = False
        self._stop_timer()

    def replay(self, pieces: Sequence[Record | Problem]) -> None:
        """Register the keys of failures that an earlier run recorded."""
        if self._retryable is not None:
            self._may_replace = True
            try:
                self._retryable.replay(pieces)
            except OSError as error:
                raise _not_kept(error) from error

    def finish(
        self, stage: Stage, *, undo_path: str | None = None, keeps_no_undo: bool = False
    ) -> None:
        """Write the rest. Raise the error if that fails, or if an earlier write has failed.

        `undo_path` and `keeps_no_undo`: see Group.
        """
        self._group.undo_path = undo_path
        self._group.keeps_no_undo = keeps_no_undo
        self._stop_timer()
        if self._writing is not None:
            self._writing.result()
            self._writing = None
        group = self._take_group(stage)
        if group is not None:
            self._write(group)

    def _settle(self, outcomes: Sequence[Outcome]) -> None:
        if self._reorder is not None:
            for released in self._released(self._reorder, outcomes):
                self._note(released)
        else:
            self._note(outcomes)

    def _note(self, outcomes: Sequence[Outcome]) -> None:
        if isinstance(outcomes, Successes) and not outcomes.ambiguous:
            records = outcomes.records
            if not self._may_replace or self._replace_nothing(records):
                self._note_plain(positions_of(records))
                return
        positions, others = _parted(outcomes)
        # First, because it may fail: records that are not noted as settled are sent again.
        replaced = self._replaced_by(outcomes) if others or self._may_replace else []
        self._note_plain(positions)
        self._group.settled.add_all(self._settle_others(others))
        self._group.replaced.add_all(replaced)

    def _note_plain(self, positions: Sequence[int]) -> None:
        """Note records that succeeded and are not ambiguous."""
        count = len(positions)
        self._tally.records += count
        self._tally.succeeded += count
        if isinstance(positions, range):
            self._group.settled.add(positions.start, positions.stop)
        else:
            self._group.settled.add_all(positions)

    def _replace_nothing(self, records: Sequence[Record]) -> bool:
        """Return True if certainly none of the records replaces a failure."""
        if self._retryable is None:
            return True
        return isinstance(records, Slab) and not self._retryable.may_hold(records.lanes)

    def _replaced_by(self, outcomes: Sequence[Outcome]) -> list[int]:
        if self._retryable is None:
            return []
        self._may_replace = True
        try:
            return self._retryable.take([outcome for outcome in outcomes if outcome.is_final])
        except OSError as error:
            raise _not_kept(error) from error

    def _settle_others(self, outcomes: Sequence[Outcome]) -> list[int]:
        """Note all other outcomes; return the positions that are settled."""
        final = [outcome for outcome in outcomes if outcome.is_final]
        if len(final) < len(outcomes):
            unknown = [o.position for o in outcomes if o.state is State.UNKNOWN]
            self._group.ambiguous.add_all(unknown)
        self._tally(RecordsRead(len(final)))
        self._tally(Settled(final))
        for outcome in final:
            if outcome.state is State.FAILED:
                self._note_failure(outcome)
        return [outcome.position for outcome in final]

    def _released(
        self, reorder: Reorder[Sequence[Outcome]], outcomes: Sequence[Outcome]
    ) -> list[Sequence[Outcome]]:
        """Return, in input order, what no longer waits for an earlier position."""
        if isinstance(outcomes, Successes) and isinstance(outcomes.records, Slab):
            start, stop = outcomes.records.position, outcomes.records.position + len(outcomes)
            return reorder.add(start, Successes(outcomes.records), stop)
        released: list[Sequence[Outcome]] = []
        for outcome in outcomes:
            if outcome.is_final:
                released += reorder.add(outcome.position, [_without_value(outcome)])
            else:
                released.append([outcome])
        return released

    def _note_failure(self, outcome: Outcome) -> None:
        assert outcome.failure is not None  # noqa: S101
        code = self._tally.group_code(outcome.failure.code)
        self._group.failed.setdefault(code, SettledRanges()).add(outcome.position)
        if isinstance(outcome.subject, Record) and outcome.subject.ambiguous:
            self._group.ambiguous.add(outcome.position)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin_later(self) -> None:
        if not self._has_executor:
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._group_seconds, self._begin_writing)

    def _begin_writing(self) -> None:
        self._timer = None
        before = self._cpu_seconds()
        try:
            group = self._take_group(Stage.RUNNING)
        except Exception as error:  # the loop would only log it
            self._fail(_shown(error))
            return
        taken_seconds = self._cpu_seconds() - before
        if group is None:
            return
        loop = asyncio.get_running_loop()

        def written(_: Future[None]) -> None:
            with suppress(RuntimeError):  # if the loop is closed, `finish` raises the error
                loop.call_soon_threadsafe(self._end_writing)

        self._writing = self._executor.submit(self._write_measured, group, taken_seconds)
        self._writing.add_done_callback(written)

    def _end_writing(self) -> None:
        if self._writing is None:
            return
        error = self._writing.exception()
        if error is not None:
            # `_writing` stays set, so that nothing more is written and `finish` raises the error.
            self._fail(_shown(error))
            return
        self._writing = None
        if self._is_dirty:
            self._begin_later()

    def _take_group(self, stage: Stage) -> Group | None:
        """Return what is new; None if nothing more may be written."""
        if self._has_crashed or self._is_torn():
            return None
        self._has_crashed = True  # until the group is whole
        group = self._new_group(stage)
        self._has_crashed = False
        return group

    def _new_group(self, stage: Stage) -> Group | None:
        failures, output = self._failures, self._output
        # Marked first: it may turn out only then that the output cannot be written.
        output_bytes = output.mark() if output else 0
        if (failures and failures.is_broken) or (output and output.broken is not None):
            return None
        group, self._group, self._is_dirty = self._group, Group(), False
        if self._counted is not None:
            self._tally.take_requests(self._counted)
        group.totals = self._news.take()
        group.held = failures.take_newly_held() if failures else {}
        group.failures = failures.mark if failures else self._earlier_mark
        group.output_bytes = output_bytes
        group.elapsed_seconds = self._elapsed()
        group.stage = stage
        # Before it has begun, "nothing is left" would mean that everything was listed.
        if self._listing is not None and self._listing.has_begun:
            group.lists, group.ages_count_from = True, self._listing.ages_count_from
            group.ended, group.begun = self._listing.take(self._tally.records)
        return group

    def _write_measured(self, group: Group, taken_seconds: float) -> None:
        """Write a group, and choose from its cost when the next one begins."""
        cpu, wall = self._cpu_seconds(), self._wall_seconds()
        self._write(group)
        cpu_seconds = taken_seconds + self._cpu_seconds() - cpu
        wall_seconds = self._wall_seconds() - wall
        seconds = max(_COST_FACTOR * cpu_seconds, _SYNC_FACTOR * wall_seconds)
        self._group_seconds = min(max(seconds, _LEAST_GROUP_SECONDS), GROUP_SECONDS)

    def _write(self, group: Group) -> None:
        try:
            if self._failures is not None:
                self._failures.sync()
            if self._output is not None:
                self._output.sync()
        except OSError as error:
            raise _unsynced(error) from error
        self._file.append(group)


def _parted(outcomes: Sequence[Outcome]) -> tuple[list[int], list[Outcome]]:
    """Return the positions of unambiguous successes, and all other outcomes.

    A problem has no `ambiguous`. That is not read, because a problem never succeeds.
    """
    outcomes = list(outcomes)
    others = [
        one
        for one in outcomes
        if one.state is not SUCCEEDED or one.subject.ambiguous  # type: ignore[union-attr]
    ]
    if others:
        apart = set(map(id, others))
        outcomes = [one for one in outcomes if id(one) not in apart]
    return [one.subject.position for one in outcomes], others


def _body_bytes(outcomes: Sequence[Outcome]) -> int:
    if isinstance(outcomes, Successes) and isinstance(outcomes.records, Slab):
        return outcomes.records.body_bytes
    subjects = [outcome.subject for outcome in outcomes]
    return sum(len(one.body if isinstance(one, Record) else one.raw) for one in subjects)


def _shown(error: BaseException) -> KvsctlError:
    """Return the error to show for an exception that no caller handles."""
    if isinstance(error, KvsctlError):
        return error
    return explained(error) if isinstance(error, Exception) else StreamError(str(error))


def _unsynced(error: OSError) -> StreamError:
    return StreamError(f"cannot sync the output or the failures file: {error.strerror}")


def _not_kept(error: OSError) -> StreamError:
    return StreamError(f"cannot write a temporary file for the journal: {error.strerror}")


def _without_value(outcome: Outcome) -> Outcome:
    """Return the outcome without the value, which the output already holds."""
    return Outcome(outcome.subject, outcome.state, outcome.failure, None, outcome.skipped_by)
