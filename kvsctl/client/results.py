"""What the calls of a client return."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from kvsctl.bulk.events import Event, Settled
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.model import FAILED, Failure, Identity, Outcome, Problem, Record
from kvsctl.slabs import Successes
from kvsctl.texts import counted


class FailedRecord(msgspec.Struct, frozen=True, gc=False):
    """A record that failed, and why.

    `position`: its place in what the caller gave, from 0. `key` is None if it has none. `code` is
    the service's error code, or kvsctl's. `attempts`: how often it was sent.
    """

    position: int
    key: str | None
    entity: str | None
    code: str
    message: str
    attempts: int = 0
    trace_id: str | None = None


class StoredRecord(msgspec.Struct, frozen=True, gc=False):
    """A record of the store. `json` is its value, with the bytes that the service sent.

    `created_at` and `updated_at` are epoch milliseconds and `expire_time` is ISO-8601. They are
    None without `metadata=True` of the client, or if the record has none.
    """

    position: int
    key: str
    entity: str | None
    json: bytes
    created_at: int | None = None
    updated_at: int | None = None
    expire_time: str | None = None

    @property
    def value(self) -> Any:
        """The value, decoded on each access. Integers are exact, however long."""
        return json.loads(self.json)

    def __repr__(self) -> str:
        return f"StoredRecord({self.position}, {self.key!r}, {counted(len(self.json), 'byte')})"


class Result(msgspec.Struct, frozen=True):
    """The totals of a call. Iterate it to get the records that failed, in the caller's order.

    `records` is the sum of `succeeded`, `failed`, `skipped`, `duplicates`, `unknown` and `unsent`.
    `duplicates`: superseded by a later record with the same key. `unknown`: sent, but no answer
    arrived. `unsent`: the call ended first. `ambiguous`: records with an unanswered attempt, which
    may still be applied. `skipped_by`: how many were skipped, by the name of the rule, such as
    `unchanged` and `exists`.
    """

    failures: Sequence[FailedRecord]
    records: int
    succeeded: int
    failed: int
    skipped: int
    duplicates: int
    unknown: int
    unsent: int
    ambiguous: int
    skipped_by: Mapping[str, int]
    requests: int
    retries: int
    throttled: int
    units_read: int
    units_write: int

    def __iter__(self) -> Iterator[FailedRecord]:
        return iter(self.failures)

    def in_words(self) -> str:
        """Return what was done, for the note on an exception of the caller's own."""
        names = ("failed", "skipped", "duplicates", "unknown", "unsent")
        counts = {name: getattr(self, name) for name in names}
        others = "".join(f", {count:,} {name}" for name, count in counts.items() if count)
        given = counted(self.records, "record")
        return f"kvsctl: of {given} given before, {self.succeeded:,} succeeded{others}"


class ResultCollector:
    """A listener that keeps every failure of a run, for its result."""

    wants = frozenset({Settled})

    def __init__(self) -> None:
        self.tally = Tally()
        self.failures: Final[list[FailedRecord]] = []

    def __call__(self, event: Event) -> None:
        """Keep the failures of an event."""
        if isinstance(event, Settled) and not isinstance(event.outcomes, Successes):
            for outcome in event.outcomes:
                if outcome.state is FAILED and outcome.failure is not None:
                    self.failures.append(failed_record(outcome, outcome.failure))

    def result(self) -> Result:
        """Return what the run did. Raise Defect unless every record is accounted for."""
        tally = self.tally
        tally.check_sum()
        counts = {
            name: getattr(tally, name) for name in Result.__struct_fields__ if name != "failures"
        }
        counts["skipped_by"] = dict(tally.skipped_by)
        failures = sorted(self.failures, key=lambda failure: failure.position)
        return Result(failures=failures, **counts)


def failed_record(outcome: Outcome, failure: Failure) -> FailedRecord:
    """Return a failure as the caller sees it."""
    subject = outcome.subject
    identity = _named(subject) if isinstance(subject, Problem) else subject.identity
    return FailedRecord(
        subject.position,
        identity.key if identity else None,
        identity.entity if identity else None,
        failure.code,
        failure.message,
        subject.attempts if isinstance(subject, Record) else 0,
        failure.trace_id,
    )


class _Name(msgspec.Struct):
    """The members that identify a record. Others are ignored."""

    key: str
    entity: Any = msgspec.field(name="entityName", default=None)


def _named(problem: Problem) -> Identity | None:
    """Return the identity of a record that cannot be used, so that the caller sees its key."""
    if problem.identity is not None:
        return problem.identity
    try:
        name = msgspec.json.decode(problem.raw, type=_Name)
    except (msgspec.DecodeError, RecursionError):
        return None
    return Identity(name.entity if isinstance(name.entity, str) else None, name.key)
