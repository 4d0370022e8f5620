"""What the runs of a job on a whole store have done so far, and what follows from it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from kvsctl.bulk.settling.reconcile import MISSING
from kvsctl.emulator.storage.rows import Row
from kvsctl.errors import ExitStatus
from kvsctl.journal.file import read_journal
from kvsctl.journal.state import JournalState
from kvsctl.model import Identity, Outcome, State
from tests.whole.account import positions
from tests.whole.process import Ended
from tests.whole.store.jobs import StoreJob
from tests.whole.store.world import OTHER, Entry, Rows, StoreWorld
from tests.whole.wire import INSTALLATION

OVER = (ExitStatus.OK, ExitStatus.FAILURES)


@dataclass
class StoreRun:
    """One run. `start`: where its entries begin in the book. `cutoffs`: from when ages count."""

    start: int
    began_at: float
    ended: Ended
    ended_at: float
    cutoffs: tuple[float, ...] = ()
    before: JournalState = field(default_factory=JournalState)
    after: JournalState = field(default_factory=JournalState)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing stood in its way."""
        fate = self.ended.fate
        is_free = fate.max_seconds is None and not (fate.faults or fate.signals)
        return is_free and not (self.ended.is_killed or self.ended.disk_has_failed)


@dataclass
class StoreAccount:
    """A job. `held`: what both installations held when it began. `planned`: of an apply, the
    records as they were when its plan was made, with the action. `outcomes`: how the records ended
    that no further run looks at again.
    """

    job: StoreJob
    world: StoreWorld
    planned: dict[Identity, tuple[str, Row]] = field(default_factory=dict)
    runs: list[StoreRun] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    expected: Rows = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start = len(self.world.book)
        self.began_at = self.world.now()
        self.held = {name: self.world.held(name) for name in (INSTALLATION, OTHER)}

    @property
    def cutoffs(self) -> set[float]:
        """Every moment that ages may have counted from."""
        return {cutoff for run in self.runs for cutoff in run.cutoffs}

    def state(self) -> JournalState:
        """What the journal says now."""
        path = self.job.journal
        return read_journal(path).state if path.exists() else JournalState()

    def take(self, run: StoreRun) -> dict[int, Outcome]:
        """Add a run. Return how every record of the job has ended, as far as its report knows."""
        run.cutoffs = self._cutoffs_of(run)
        self.runs.append(run)
        if not self.job.form.has_journal:
            return dict(run.ended.books.outcomes)
        if run.after.groups > run.before.groups:
            retried = positions(run.before.retryable) if self.retries else set()
            self.outcomes = {at: one for at, one in self.outcomes.items() if at not in retried}
        again = self.outcomes.keys() & run.ended.books.outcomes.keys()
        assert not again, "what was settled is not settled again"
        whole = self.outcomes | run.ended.books.outcomes
        self.outcomes = {at: whole[at] for at in sorted(positions(run.after.settled))}
        return whole

    @property
    def retries(self) -> bool:
        """Whether a resumed run tries again what has failed."""
        return self.job.choosing is not None and self.job.kind.value == "delete"

    def _cutoffs_of(self, run: StoreRun) -> tuple[float, ...]:
        noted = run.before.ages_count_from, run.after.ages_count_from
        for moment in noted:
            if moment is not None:
                return (moment,)
        return run.began_at, run.ended_at

    def entries(self, run: StoreRun, installation: str = INSTALLATION) -> list[Entry]:
        """Return what a run read and changed."""
        index = self.runs.index(run)
        stop = self.runs[index + 1].start if index + 1 < len(self.runs) else len(self.world.book)
        book = self.world.book[run.start : stop]
        return [one for one in book if one.exchange and one.installation == installation]

    def changes(self, run: StoreRun) -> Iterator[tuple[Entry, Identity]]:
        """Yield what a run has changed in the target."""
        for entry in self.entries(run):
            yield from ((entry, identity) for identity in entry.changed)

    def last_read(self, run: StoreRun, entry: Entry, identity: Identity) -> Row | None:
        """Return what the process knew of a record when it sent a change."""
        assert entry.exchange is not None
        rows = [
            (one.exchange.answered, one.after[identity])
            for one in self.entries(run)
            if one.exchange is not None
            and one.exchange.verb == "get"
            and identity in one.exchange.done
            and one.exchange.answered is not None
            and one.exchange.answered < entry.exchange.sent
        ]
        return max(rows, key=lambda pair: pair[0])[1] if rows else None

    def touched(self, installation: str = INSTALLATION) -> set[Identity]:
        """Return what others have changed since the job began, or who ever so shortly before that
        queries may not have shown it.
        """
        earliest = self.began_at - self.world.lag_seconds - 1
        return {
            identity
            for number, one in enumerate(self.world.book)
            if one.installation == installation and one.moment >= earliest
            if one.exchange is None or number < self.start
            for identity in one.changed
        }

    def touched_since_begun(self) -> set[Identity]:
        """Return what others have changed since the job began."""
        entries = self.world.since(self.start)
        return {name for one in entries if one.exchange is None for name in one.changed}

    def versions(self, identity: Identity, installation: str) -> list[Row]:
        """Return each record that queries may have shown for an identity since the job began."""
        earliest = self.began_at - self.world.lag_seconds - 1
        rows = [self.held[installation].get(identity)]
        for one in self.world.book:
            is_its = one.installation == installation and identity in one.before
            if is_its and one.moment >= earliest:
                rows += [one.before[identity], one.after[identity]]
        return [row for row in rows if row is not None]

    def surely_chosen(self, identity: Identity, row: Row) -> bool | None:
        """Return whether a record is chosen, whenever ages count from; None: that depends on it."""
        choosing = self.job.choosing
        assert choosing is not None
        choices = {choosing.choice(identity, row, cutoff) is True for cutoff in self.cutoffs}
        return choices.pop() if len(choices) == 1 else None

    def not_done(self, whole: dict[int, Outcome]) -> set[Identity]:
        """Return what failed, or counts as missing because answers have left it out."""
        leaves_out = any("leave-out" in run.ended.fate.faults for run in self.runs)
        return {
            one.subject.identity
            for one in whole.values()
            if one.state is State.FAILED or (one.skipped_by == MISSING and leaves_out)
            if one.subject.identity is not None
        }


def same_json(one: bytes, other: bytes) -> bool:
    """Return whether two values are the same JSON, numbers by value."""
    return bool(exact(one) == exact(other))


def exact(text: bytes) -> Any:
    """Return a value with numbers that lose nothing, and that differ from true and false."""
    return json.loads(text, parse_int=_number, parse_float=_number, parse_constant=str)


def _number(text: str) -> tuple[str, Decimal]:
    return "number", Decimal(text)


def live(rows: Rows, now: float) -> Rows:
    """Return the records that have not expired."""
    return {
        identity: row
        for identity, row in rows.items()
        if row.expires is None or row.expires / 1000 > now
    }
