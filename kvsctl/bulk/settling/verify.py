"""Read back what was written, before it settles (`--verify`).

A record is read while its lane is still closed, so no newer record of the same identity can have
been sent: the store must hold what this record wrote. A later pass over the input would have to
know which record of an identity was written last, and would keep every value until then. This
keeps only the admitted records, which the window bounds.

Ambiguous records (an attempt went unanswered) are read last, when nothing else is left to send.
By then a late attempt, theirs or an older record's, has had the longest time to be applied.
"""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from kvsctl import codes, jsontext
from kvsctl.jsonequal import are_equal, differ_by_rounding
from kvsctl.limits import TTL_UNIT_SECONDS
from kvsctl.model import Failure, Found, Outcome, Record, State, Verb
from kvsctl.service.wire import key_body

NOT_READ_BACK: Final = "written, but reading it back failed"
MISSING: Final = "the key does not exist"
_CLOCK_GRAIN_SECONDS: Final = 2.0
"""How far the service's clock may differ from its `Date` headers, which have whole seconds."""


class ReadBack(Record, gc=False):
    """A record that reads back the record `written`. It counts its own attempts.

    `written_at`: the earliest time at which it can have been written, by the service's clock, in
    epoch seconds.
    """

    written: Record | None = None
    written_at: float = 0.0

    @classmethod
    def of(cls, written: Record, written_at: float) -> "ReadBack":
        """Return a record that reads back `written`."""
        return cls(
            written.position,
            written.source,
            written.line,
            written.identity,
            key_body(written.identity),
            written=written,
            written_at=written_at,
        )


class Verifier:
    """Requests that written records are read back, and judges them before they settle.

    `read` is called with records to read back soon, `read_last` with records to read back last.
    """

    def __init__(
        self,
        verb: Verb,
        *,
        read: Callable[[list[Record]], None],
        read_last: Callable[[list[Record]], None],
        service_now: Callable[[], float],
    ) -> None:
        self._verb = verb
        self._read = read
        self._read_last = read_last
        self._service_now = service_now

    def sift(self, outcomes: Iterable[Outcome], elapsed_seconds: float) -> list[Outcome]:
        """Return the outcomes that settle now. Written records are read back first.

        `elapsed_seconds`: how long their request took.
        """
        written_at = self._service_now() - elapsed_seconds
        settled: list[Outcome] = []
        soon: list[Record] = []
        last: list[Record] = []
        for outcome in outcomes:
            record = outcome.subject
            if isinstance(record, ReadBack):
                settled.append(self._judged(record, outcome))
            elif outcome.state is State.SUCCEEDED and isinstance(record, Record):
                reading = ReadBack.of(record, written_at)
                (last if record.ambiguous else soon).append(reading)
            else:
                settled.append(outcome)
        if soon:
            self._read(soon)
        if last:
            self._read_last(last)
        return settled

    def _judged(self, reading: ReadBack, outcome: Outcome) -> Outcome:
        written = reading.written
        assert written is not None  # noqa: S101
        why = self._why_failed(reading, written, outcome)
        if why is None:
            return Outcome(written, State.SUCCEEDED)
        trace_id = outcome.failure.trace_id if outcome.failure else None
        return Outcome(written, State.FAILED, Failure(codes.VERIFY_FAILED, why, trace_id))

    def _why_failed(self, reading: ReadBack, written: Record, outcome: Outcome) -> str | None:
        failure, found = outcome.failure, outcome.found
        if failure is not None and failure.code != codes.KEY_NOT_FOUND:
            return f"{NOT_READ_BACK}: {failure.code}: {failure.message}"
        if self._verb is Verb.DELETE:
            return None if found is None else "the key still exists"
        if found is not None:
            return _difference(written, found)
        if _has_expired(reading, written, self._service_now()):
            return None
        return MISSING


class _Ttl(msgspec.Struct, gc=False):
    value: int
    unit: str


class _Options(msgspec.Struct, gc=False):
    ttl: _Ttl | None = None


def _difference(written: Record, found: Found) -> str | None:
    value = jsontext.members(written.body)["value"]
    if are_equal(value, found.value):
        return None
    if differ_by_rounding(value, found.value):
        return "the service stores numbers as doubles and has rounded one"
    return "the store holds a different value"


def _has_expired(reading: ReadBack, written: Record, service_now: float) -> bool:
    """Return whether a missing record may have expired."""
    if written.expires_at is not None:
        return written.expires_at.timestamp() <= service_now + _CLOCK_GRAIN_SECONDS
    options = jsontext.members(written.body).get("options")
    ttl = None if options is None else msgspec.json.decode(options, type=_Options).ttl
    if ttl is None:
        return False
    lifetime_seconds = ttl.value * TTL_UNIT_SECONDS[ttl.unit]
    return reading.written_at + lifetime_seconds <= service_now + _CLOCK_GRAIN_SECONDS
