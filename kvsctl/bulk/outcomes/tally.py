"""Count a run: everything that its report shows."""

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec.structs import asdict

from kvsctl.bulk.alike import FailedChecks, Unsent
from kvsctl.bulk.events import Event, RecordsRead, RequestEnded, Settled, SizeLearnt
from kvsctl.errors import Defect
from kvsctl.model import GET, Failure, Outcome, Problem, Record, State
from kvsctl.slabs import Successes

KEPT_FAILURES: Final = 1000
KEPT_CODES: Final = 200
OTHER_CODES: Final = "(other codes)"
REQUEST_COUNTS: Final = (
    "requests",
    "retries",
    "throttled",
    "units_read",
    "units_write",
    "bytes_sent",
    "bytes_received",
)
"""The counts of requests."""
RECORD_COUNTS: Final = (
    "records",
    "succeeded",
    "failed",
    "skipped",
    "duplicates",
    "unknown",
    "unsent",
    "ambiguous",
)
"""The counts of records. All but the first and the last add up to the first."""
_OUTCOMES: Final = tuple(state.value for state in State)


class FailureNote(msgspec.Struct, frozen=True):
    """One failure as the report lists it. `key` is None if the input has none.

    `cause`: see `model.Cause`.
    """

    position: int
    key: str | None
    entity: str | None
    source: str
    code: str
    message: str
    attempts: int
    trace_id: str | None
    cause: str | None = None


class InstallationFailure(FailureNote, frozen=True, kw_only=True):
    """A failure in one of several installations."""

    installation: str


class FailureGroup(msgspec.Struct):
    """All failures with one code; `example` is the first of them in input order."""

    code: str
    count: int
    example: FailureNote


class Tally:
    """A listener that counts a run.

    Memory is bounded. Only the first `KEPT_FAILURES` failures in input order are kept, and one
    example per code for `KEPT_CODES` codes. Further codes are counted together.
    """

    wants = frozenset({Settled, RequestEnded, RecordsRead, SizeLearnt})

    def __init__(self) -> None:
        self.earlier = 0
        """How many of the records were settled by earlier runs of the job."""
        self.records = 0
        self.succeeded = 0
        self.failed = 0
        self.skipped = 0
        self.skipped_by: Counter[str] = Counter()
        self.duplicates = 0
        self.unknown = 0
        self.unsent = 0
        self.ambiguous = 0
        self.requests = 0
        self.retries = 0
        self.throttled = 0
        self.units_read = 0
        self.units_write = 0
        self.bytes_sent = 0
        self.bytes_received = 0
        self.has_unreadable = False
        """Whether some input that failed in this run could not be read as a record."""
        self.size_learnt: SizeLearnt | None = None
        self._notes: list[tuple[int, int, FailureNote]] = []
        """A heap, the last in input order on top. Two inputs may have one position: see `_keep`."""
        self._kept = 0
        self._groups: dict[str, FailureGroup] = {}

    def __call__(self, event: Event) -> None:
        """Count an event."""
        if isinstance(event, Settled):
            self._count_outcomes(event.outcomes)
        elif isinstance(event, RequestEnded):
            self.count_request(event)
        elif isinstance(event, RecordsRead):
            self.records += event.count
        elif isinstance(event, SizeLearnt):
            self.size_learnt = event

    @property
    def failures(self) -> list[FailureNote]:
        """The first failures in input order, at most `KEPT_FAILURES`."""
        return [note for *_, note in sorted(self._notes, reverse=True)]

    @property
    def failures_truncated(self) -> bool:
        """Whether more records failed than `failures` lists."""
        return self.failed > len(self._notes)

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to report: no record read, no request charged or retried."""
        return not (self.records or self.retries or self.units_read or self.units_write)

    @property
    def groups(self) -> list[FailureGroup]:
        """The failures by code, the most frequent first."""
        return sorted(self._groups.values(), key=lambda group: (-group.count, group.code))

    def group_code(self, code: str) -> str:
        """Return the code of the group that counts failures with this code."""
        return code if code in self._groups else OTHER_CODES

    def take_over(self, groups: Iterable[FailureGroup], notes: Iterable[FailureNote]) -> None:
        """Register the failures of an earlier run. The caller sets the counts."""
        self._groups = {group.code: group for group in groups}
        for note in notes:
            self._keep(note)

    def add(self, other: "Tally", installation: str) -> None:
        """Add what was counted in an installation. The sum names it in its failures."""
        for name in (*RECORD_COUNTS, *REQUEST_COUNTS):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.earlier += other.earlier
        self.has_unreadable |= other.has_unreadable
        self.skipped_by.update(other.skipped_by)
        for group in other.groups:
            self._add_group(group, installation)
        for note in other.failures:
            self._keep(_in_installation(note, installation))

    def _add_group(self, group: FailureGroup, installation: str) -> None:
        code = group.code
        if code not in self._groups and len(self._groups) >= KEPT_CODES:
            code = OTHER_CODES
        if (known := self._groups.get(code)) is not None:
            known.count += group.count
        else:
            example = _in_installation(group.example, installation)
            self._groups[code] = FailureGroup(code, group.count, example)

    def take_back(self, count: int) -> None:
        """Count records as unsent that were found, but lost by the output."""
        lost = min(count, self.succeeded)
        self.succeeded -= lost
        self.unsent += lost

    def check_sum(self) -> None:
        """Raise Defect unless every record that was read has exactly one outcome."""
        ends = {name: getattr(self, name) for name in _OUTCOMES}
        if self.records != sum(ends.values()):
            parts = ", ".join(f"{count} {name}" for name, count in ends.items())
            raise Defect(f"the report does not add up: {self.records} records, but {parts}")

    def _count_outcomes(self, outcomes: Sequence[Outcome]) -> None:
        if isinstance(outcomes, Successes):
            self.succeeded += len(outcomes)
            self.ambiguous += outcomes.ambiguous
            return
        if isinstance(outcomes, Unsent):
            self.unsent += len(outcomes)
            return
        if isinstance(outcomes, FailedChecks) and self._count_unnoted(outcomes.subjects):
            return
        for outcome in outcomes:
            subject = outcome.subject
            self.ambiguous += isinstance(subject, Record) and subject.ambiguous
            self._count(outcome)

    def _count(self, outcome: Outcome) -> None:
        match outcome.state:
            case State.SUCCEEDED:
                self.succeeded += 1
            case State.FAILED:
                self._count_failure(outcome)
            case State.SKIPPED:
                self.skipped += 1
                self.skipped_by[outcome.skipped_by or "unnamed"] += 1
            case State.DUPLICATE:
                self.duplicates += 1
            case State.UNKNOWN:
                self.unknown += 1
            case State.UNSENT:
                self.unsent += 1

    def _count_unnoted(self, problems: Sequence[Problem]) -> bool:
        """Count problems if certainly none of them is noted; else return False."""
        if len(self._notes) < KEPT_FAILURES:
            return False
        first = min([problem.position for problem in problems], default=0)
        groups = self._groups
        counts = Counter([problem.code for problem in problems])
        is_noted = first < -self._notes[0][0] or any(
            code not in groups or first < groups[code].example.position for code in counts
        )
        if is_noted:
            return False
        self.failed += len(problems)
        self.has_unreadable |= not all(problem.readable for problem in problems)
        for code, count in counts.items():
            groups[code].count += count
        return True

    def _count_failure(self, outcome: Outcome) -> None:
        self.failed += 1
        self.has_unreadable |= isinstance(outcome.subject, Problem) and not outcome.subject.readable
        failure = outcome.failure
        if failure is None:
            raise Defect(f"{outcome.subject.origin} failed without a reason")
        position = outcome.position
        code = failure.code
        if code not in self._groups and len(self._groups) >= KEPT_CODES:
            code = OTHER_CODES
        group = self._groups.get(code)
        is_first = group is None or position < group.example.position
        is_kept = len(self._notes) < KEPT_FAILURES or position < -self._notes[0][0]
        if group is not None and not is_first and not is_kept:
            group.count += 1
            return
        note = _note(outcome, failure)
        if group is None:
            self._groups[code] = FailureGroup(code, 1, note)
        else:
            group.count += 1
            group.example = note if is_first else group.example
        if is_kept:
            self._keep(note)

    def _keep(self, note: FailureNote) -> None:
        # Notes cannot be compared. Of those with one position, the first that arrived comes first.
        self._kept += 1
        heapq.heappush(self._notes, (-note.position, -self._kept, note))
        if len(self._notes) > KEPT_FAILURES:
            heapq.heappop(self._notes)

    def take_requests(self, other: "Tally") -> None:
        """Copy the counts of requests from another tally, which received the same events."""
        for name in REQUEST_COUNTS:
            setattr(self, name, getattr(other, name))

    def count_request(self, request: RequestEnded) -> None:
        """Count a request, as calling the tally with this event does."""
        self.requests += 1
        self.retries += request.is_retry
        self.throttled += request.is_throttled
        if request.verb is GET:
            self.units_read += request.units
        else:
            self.units_write += request.units
        self.bytes_sent += request.bytes_sent
        self.bytes_received += request.bytes_received


def _in_installation(note: FailureNote, installation: str) -> InstallationFailure:
    return InstallationFailure(**asdict(note), installation=installation)


def _note(outcome: Outcome, failure: Failure) -> FailureNote:
    subject = outcome.subject
    identity = subject.identity
    return FailureNote(
        position=subject.position,
        key=identity.key if identity else None,
        entity=identity.entity if identity else None,
        source=str(subject.origin),
        code=failure.code,
        message=failure.message,
        attempts=subject.attempts if isinstance(subject, Record) else 0,
        trace_id=failure.trace_id,
        cause=failure.cause,
    )
