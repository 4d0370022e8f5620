"""The records that a plan changes, identified by their hash."""

from msgspec.structs import replace

from kvsctl.jobs.cleanup.actions import body_with_ttl
from kvsctl.model import Found, Record, Verb
from kvsctl.outputs.plan_lines import record_hash
from kvsctl.records.ttl import Ttl
from kvsctl.service.found import is_past


class PlannedRecord(Record, gc=False, kw_only=True):
    """A record that is changed only if it is still what its plan was made for.

    `hash` and `updated_at` are those of the plan; None: the plan does not know the time. `ttl` is
    what it gets; None: it is deleted. `earlier_expiry`: its expiry before the first attempt.
    """

    hash: str
    updated_at: int | None
    ttl: Ttl | None = None
    earlier_expiry: str | None = None

    @property
    def verb(self) -> Verb:
        """The operation that carries out its line."""
        return Verb.DELETE if self.ttl is None else Verb.SET


def is_as_planned(record: Record, found: Found, service_now: float) -> bool:
    """Return whether a record, as batch/get returned it, is still the one that was planned for.

    An expired record gets no ttl: writing it would bring it back.
    """
    assert isinstance(record, PlannedRecord)  # noqa: S101
    times = record.updated_at, found.updated_at
    has_changed = None not in times and times[0] != times[1]
    is_gone = record.ttl is not None and is_past(found.expire_time, service_now)
    return not (has_changed or is_gone) and record_hash(record.identity, found) == record.hash


class PlannedExpiry:
    """A Rewrite that gives planned records their ttl. Their values are written as they are."""

    def body(self, record: Record, found: Found) -> bytes:
        """See Rewrite."""
        assert isinstance(record, PlannedRecord)  # noqa: S101
        assert record.ttl is not None  # noqa: S101
        if not record.ambiguous:
            record.earlier_expiry = found.expire_time
        return body_with_ttl(record.identity, found.value, record.ttl)

    def is_done(self, record: Record, found: Found) -> bool:
        """See Rewrite: the same value expires at another time than before."""
        assert isinstance(record, PlannedRecord)  # noqa: S101
        before = replace(found, expire_time=record.earlier_expiry)
        is_same = record_hash(record.identity, before) == record.hash
        return is_same and found.expire_time not in (None, record.earlier_expiry)
