"""What a journal holds: what is settled of a job, and the totals and marks of that moment.

Nothing here touches a file: `text` encodes this state, and `file` keeps it on disk.

**Claim.** An older record of a key is never sent after a newer record of that key was applied, also
over several runs of a job.

**Proof.** Within one run, a lane sends the newer record only after the older one is settled. What
settles earlier is noted in an earlier group or in the same group, and a group counts whole or not
at all.

- If the newer record is settled in the journal, the older one is settled there, too, and is not
  sent again. This includes an older record that settled as a duplicate when the newer was read.
- If the newer record is not settled in the journal, the next run reads both in input order, and its
  lanes keep that order. So the newer record is sent last, whether the older one was in flight at
  the kill or settled, and even if the newer one had not been read yet. A newer record that is
  parked cannot be settled while the older one is in flight, because it is sent only when its lane
  opens.
- A failure may be retried after records of later positions have settled. If one of those has the
  same key, it has replaced the failure: that is noted, and the failure is never retried.

**Exception.** A request that was in flight at a kill may still be applied late, as may any attempt
without an answer: no client can cancel it.
"""

from collections.abc import Mapping
from enum import Enum
from itertools import chain
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from kvsctl.bulk.outcomes.positions import SettledRanges

Left: TypeAlias = tuple[Any, ...]
"""A part of a listing that is left to list: see `listing.remainder.Mark`."""
Note: TypeAlias = dict[str, Any]
"""One failure as the report lists it; `position` is one of its members."""


class Stage(Enum):
    """How far a job has come."""

    RUNNING = "running"
    ENDED = "ended"
    """Every record is settled; the output and the failures file may be incomplete."""
    COMPLETE = "complete"


class Header(msgspec.Struct, frozen=True):
    """The job that a journal belongs to. `form` holds the options that define the records.

    `input` holds fingerprints: see `fingerprint`. Paths are absolute, and None without such a file.
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


class Totals(msgspec.Struct):
    """The report's numbers, for settled records only, and the failures that it lists.

    `examples` holds the first failure of each of `codes`, `notes` the failures by position.
    """

    counts: dict[str, int] = msgspec.field(default_factory=dict)
    skipped_by: dict[str, int] = msgspec.field(default_factory=dict)
    codes: dict[str, int] = msgspec.field(default_factory=dict)
    examples: dict[str, Note] = msgspec.field(default_factory=dict)
    notes: dict[int, Note] = msgspec.field(default_factory=dict)


class FailuresMark(NamedTuple):
    """The failures file's `length` in bytes: it holds all failures before position `through`."""

    length: int = 0
    through: int = 0


_EMPTY: Final = FailuresMark()


class Group(msgspec.Struct):
    """The content of one group of a journal.

    Ranges, `held`, `examples` and `notes` hold only what is new; all else holds current values.

    `failed`: the failures that may be retried, by code; `replaced`: failures that may no longer be
    retried. `ambiguous`: records that failed or are unknown, and may have been applied. `held`:
    lines of the failures file that wait for an earlier position. `retries_failed`: before the group
    is applied, the failures that may be retried become unsettled, and the failures file is an empty
    one at `failures_path`. `lists`: the records come from a listing. `ended` and `begun`: the parts
    that are no longer left of it, and those that replace them. `ages_count_from`: see JournalState.
    `undo_path`: the undo file that was opened; "" if it was empty and removed; None if nothing has
    changed. `keeps_no_undo`: from here on, records change without an undo file.
    """

    settled: SettledRanges = msgspec.field(default_factory=SettledRanges)
    failed: dict[str, SettledRanges] = msgspec.field(default_factory=dict)
    replaced: SettledRanges = msgspec.field(default_factory=SettledRanges)
    ambiguous: SettledRanges = msgspec.field(default_factory=SettledRanges)
    held: dict[int, bytes] = msgspec.field(default_factory=dict)
    totals: Totals = msgspec.field(default_factory=Totals)
    failures: FailuresMark = _EMPTY
    output_bytes: int = 0
    elapsed_seconds: float = 0.0
    stage: Stage = Stage.RUNNING
    retries_failed: bool = False
    failures_path: str | None = None
    lists: bool = False
    ended: list[Left] = msgspec.field(default_factory=list)
    begun: list[Left] = msgspec.field(default_factory=list)
    ages_count_from: float | None = None
    undo_path: str | None = None
    keeps_no_undo: bool = False


class JournalState(msgspec.Struct):
    """The content of all groups together.

    `lines`: the failures that have a line in the failures file, written or held. `has_ended`: every
    record was settled once, even if failures have become unsettled since, to be retried. `left`:
    the parts of a listing that hold every key that is not settled; None if nothing was listed.
    `ages_count_from`: the moment, in epoch seconds, that the ages of a selection count back from.
    `undo_path`: the undo file that the job has opened. `keeps_no_undo`: whether records may have
    changed without an undo file.
    """

    settled: SettledRanges = msgspec.field(default_factory=SettledRanges)
    failed: dict[str, SettledRanges] = msgspec.field(default_factory=dict)
    ambiguous: SettledRanges = msgspec.field(default_factory=SettledRanges)
    lines: SettledRanges = msgspec.field(default_factory=SettledRanges)
    held: dict[int, bytes] = msgspec.field(default_factory=dict)
    totals: Totals = msgspec.field(default_factory=Totals)
    failures: FailuresMark = _EMPTY
    output_bytes: int = 0
    elapsed_seconds: float = 0.0
    stage: Stage = Stage.RUNNING
    has_ended: bool = False
    failures_path: str | None = None
    left: dict[Left, None] | None = None
    ages_count_from: float | None = None
    undo_path: str | None = None
    keeps_no_undo: bool = False
    groups: int = 0

    @property
    def retryable(self) -> SettledRanges:
        """The failures that may be retried."""
        return SettledRanges(sorted(chain.from_iterable(self.failed.values())))

    def apply(self, group: Group) -> None:
        """Add the next group."""
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
        if group.stage is not Stage.RUNNING or group.settled or group.retries_failed:
            # A run that is stopped before it settles anything does not undo the stage: the failures
            # file may be complete already, and shorter than its mark.
            self.stage = group.stage
        self.has_ended = self.has_ended or group.stage is not Stage.RUNNING
        self._move(group)
        if group.undo_path is not None:
            self.undo_path = group.undo_path or None
        self.keeps_no_undo = self.keeps_no_undo or group.keeps_no_undo
        self.groups += 1

    def _move(self, group: Group) -> None:
        if group.lists:
            left = self.left or {}
            for one in group.ended:
                del left[one]
            self.left = left | dict.fromkeys(group.begun)
            self.ages_count_from = group.ages_count_from

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
