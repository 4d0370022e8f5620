"""What a journal says: what is settled of a job, with the totals and marks of that moment.

Pure; the text of it is `journaltext`, the file `journalfile`.

Why an older record of a key is never sent after a newer one of that key was applied, also over
several runs: within a run a lane lets a newer record go only when the older one is settled, and
what settles earlier is noted earlier or in the same group, which counts whole or not at all. So
if the newer one is settled in the journal, the older one is too, and is not sent again; this
includes an older one that settled as a duplicate when the newer one was read. If the newer one
is not settled in the journal, the next run reads both in input order, and its lanes keep that
order: whether the older one was on its way at the kill, or was settled, or the newer one had not
been read yet, the newer one is sent last. A parked newer record cannot be settled while the older
one is on its way, since it is sent no sooner than its lane opens. That leaves failures that are
to be tried again: one that a later settled record of its key has replaced is noted as replaced,
and never tried again. (A request that was on its way at a kill may still land late, as after any
attempt that went unanswered: no client can call it back.)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from typing import Any, Final, NamedTuple, TypeAlias

from kvsctl.bulk.outcomes.positions import SettledRanges

Note: TypeAlias = dict[str, Any]
"""One failure as the report lists it; its `position` is a member."""


class Stage(Enum):
    """How far a job is."""

    RUNNING = "running"
    ENDED = "ended"
    """Every record is settled; output and failures file may not be complete yet."""
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class Header:
    """What a journal belongs to. `form` holds the options that say what the records are.

    `input` is a fingerprint: see `bulk.fingerprint`. Paths are absolute; None: no such file.
    """

    version: str
    command: str
    target: str
    form: Mapping[str, Any]
    input: list[dict[str, Any]]
    failures_path: str | None
    output_path: str | None
    in_order: bool
    started_at: str


@dataclass(slots=True)
class Totals:
    """The report's numbers, for settled records only, and the failures that it lists.

    `examples` has for each of `codes` its first failure, `notes` failures by position.
    """

    counts: dict[str, int] = field(default_factory=dict)
    skipped_by: dict[str, int] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    examples: dict[str, Note] = field(default_factory=dict)
    notes: dict[int, Note] = field(default_factory=dict)


class FailuresMark(NamedTuple):
    """The failures file has `length` bytes: all lines of failures before position `through`."""

    length: int = 0
    through: int = 0


_EMPTY: Final = FailuresMark()


@dataclass(slots=True)
class Group:
    """What one group says. Ranges, `held`, `examples` and `notes` are what is new; the rest is as
    it stands.

    `failed` has the failures that may be tried again, by code; `replaced` those that no longer
    may. `ambiguous`: failed or unknown, and maybe applied. `held` are lines of the failures file
    that wait for an earlier position. `retries_failed`: before anything else the failures that
    may be tried again become unsettled, and the failures file is an empty one at `failures_path`.
    """

    settled: SettledRanges = field(default_factory=SettledRanges)
    failed: dict[str, SettledRanges] = field(default_factory=dict)
    replaced: SettledRanges = field(default_factory=SettledRanges)
    ambiguous: SettledRanges = field(default_factory=SettledRanges)
    held: dict[int, bytes] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)
    failures: FailuresMark = _EMPTY
    output_bytes: int = 0
    elapsed_seconds: float = 0.0
    stage: Stage = Stage.RUNNING
    retries_failed: bool = False
    failures_path: str | None = None


@dataclass(slots=True)
class JournalState:
    """What all groups say together. `lines`: the failures that have a line, written or held.

    `has_ended`: every record was settled once, though failures may be tried again since.
    """

    settled: SettledRanges = field(default_factory=SettledRanges)
    failed: dict[str, SettledRanges] = field(default_factory=dict)
    ambiguous: SettledRanges = field(default_factory=SettledRanges)
    lines: SettledRanges = field(default_factory=SettledRanges)
    held: dict[int, bytes] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)
    failures: FailuresMark = _EMPTY
    output_bytes: int = 0
    elapsed_seconds: float = 0.0
    stage: Stage = Stage.RUNNING
    has_ended: bool = False
    failures_path: str | None = None
    groups: int = 0

    @property
    def retryable(self) -> SettledRanges:
        """The failures that may be tried again."""
        return SettledRanges(sorted(chain.from_iterable(self.failed.values())))

    def apply(self, group: Group) -> None:
        """Takes one more group in."""
        if group.retries_failed:
            self._forget_failed()
            self.failures_path = group.failures_path
        _add(self.settled, group.settled)
        _add(self.ambiguous, group.ambiguous)
        for code, positions in group.failed.items():
            _add(self.failed.setdefault(code, SettledRanges()), positions)
            _add(self.lines, positions)
        for start, stop in group.replaced:
            for positions in self.failed.values():
                positions.discard(start, stop)
        totals = group.totals
        examples = self.totals.examples | totals.examples
        self.totals = Totals(
            totals.counts,
            totals.skipped_by,
            totals.codes,
            {code: note for code, note in examples.items() if code in totals.codes},
            self.totals.notes | totals.notes,
        )
        self.failures = group.failures
        waiting = (self.held | group.held).items()
        self.held = {place: line for place, line in waiting if place >= self.failures.through}
        self.output_bytes = group.output_bytes
        self.elapsed_seconds = group.elapsed_seconds
        self.stage = group.stage
        self.has_ended = self.has_ended or group.stage is not Stage.RUNNING
        self.groups += 1

    def _forget_failed(self) -> None:
        retried = self.retryable
        for start, stop in retried:
            self.settled.discard(start, stop)
        notes = self.totals.notes
        self.totals.notes = {at: note for at, note in notes.items() if at not in retried}
        self.failed, self.lines, self.held = {}, SettledRanges(), {}


def _add(ranges: SettledRanges, more: SettledRanges) -> None:
    for start, stop in more:
        ranges.add(start, stop)
