"""Write a record only if it changes the store, if its key is absent, or if it is still chosen.

A record is read while its lane is closed, and written before the lane opens again. So no newer
record of its identity is sent between its read and its write, and a newer one is compared with what
this one wrote. Another writer may change the store in between: only a set with `FAIL_IF_EXISTS`,
which the service decides, excludes that. So a record that is deleted because of what was read is
read again before each attempt.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Protocol, TypeAlias

import msgspec

from kvsctl import codes, jsontext
from kvsctl.bulk.settling.reconcile import EXISTS, MISSING
from kvsctl.jsonequal import are_equal
from kvsctl.model import Failure, Found, Outcome, Record, State
from kvsctl.service.found import is_past
from kvsctl.service.wire import MetadataRequest, key_body

UNCHANGED = "unchanged"
"""The name under which the report counts records that were skipped because they are equal."""
CHANGED = "changed"
"""The name under which the report counts records that were skipped as no longer chosen."""

_EXPIRY = MetadataRequest(expires=True).member


class WriteIf(Enum):
    """When a record is written."""

    ALWAYS = "always"
    CHANGED = "changed"
    """It is read first, and written if the store holds another value, or none."""
    ABSENT = "absent"
    """It is read first, and written if the store does not hold its key."""
    ABSENT_EXACT = "absent, decided by the service"
    """It is set alone, with `FAIL_IF_EXISTS`."""
    CHOSEN = "chosen"
    """It is read first, and written or deleted if the store holds it and it is still chosen."""


Chooses: TypeAlias = Callable[[Record, Found, float], bool]
"""Whether a record is still chosen, by what the store holds for it and the service's time.

The time is in epoch seconds.
"""


class Keeper(Protocol):
    """Keeps what was read of records before they are written or deleted, for an undo."""

    def keep(self, record: Record, found: Found) -> None:
        """Take what the store holds for a record that is about to be changed."""
        ...

    async def kept(self) -> None:
        """Return once everything that was taken is on disk. Raise StreamError."""
        ...


class Rewrite(Protocol):
    """Makes the body to write for a record that was read, in place of its own."""

    def body(self, record: Record, found: Found) -> bytes:
        """Return the body to write, made from what the store holds."""
        ...

    def is_done(self, record: Record, found: Found) -> bool:
        """Return whether an attempt without an answer was applied, by what the store holds."""
        ...


class Precondition(msgspec.Struct, frozen=True):
    """When the records of a run are written.

    `compares_text`: values are equal only if their bytes are; otherwise if they are the same JSON.
    For `CHOSEN`, `chooses` decides; None: every record in the store is chosen. The client must ask
    for the metadata that it needs. `keeper` receives what was read, and nothing is sent before that
    is kept. `rewrite` makes the body to write from what was read.
    """

    write_if: WriteIf = WriteIf.ALWAYS
    compares_text: bool = False
    chooses: Chooses | None = None
    keeper: Keeper | None = None
    rewrite: Rewrite | None = None

    @property
    def is_one(self) -> bool:
        """Whether there is a precondition at all."""
        return self.write_if is not WriteIf.ALWAYS

    @property
    def keeps_first(self) -> bool:
        """Whether the first record of an identity wins: for later ones, the key exists."""
        return self.write_if in (WriteIf.ABSENT, WriteIf.ABSENT_EXACT)

    @property
    def reads_first(self) -> bool:
        """Whether records are read before they are written."""
        return self.write_if in (WriteIf.CHANGED, WriteIf.ABSENT, WriteIf.CHOSEN)

    @property
    def is_prompt(self) -> bool:
        """Whether little time may pass between the read of a record and each of its writes.

        If so, a record does not wait for others after its read, and is read again before it is sent
        again.
        """
        return self.write_if is WriteIf.CHOSEN

    def reading(self, record: Record) -> "ReadFirst":
        """Return a record that reads what the store holds for `record`."""
        if self.write_if is WriteIf.CHOSEN:
            return ReadFirst.of(record, asks_expiry=False)
        return ReadFirst.of(record)

    def needs_read(self, record: Record) -> bool:
        """Return whether reading a record can save its write.

        A record with a ttl changes the store even if its value is equal.
        """
        return self.write_if is not WriteIf.CHANGED or not _asks_for_ttl(record)

    def is_met(self, record: Record, found: Found, service_now: float) -> bool:
        """Return whether a record is written although the store holds its key.

        Except for `CHOSEN`, an expired record counts as absent. For `CHANGED`, so does any record
        that will expire: without the write it would vanish. `service_now`: epoch seconds.
        """
        if self.write_if is WriteIf.CHOSEN:
            return self.chooses is None or self.chooses(record, found, service_now)
        if self.write_if is WriteIf.CHANGED:
            return found.expire_time is not None or not self.is_equal(record, found)
        return is_past(found.expire_time, service_now)

    def is_equal(self, record: Record, found: Found) -> bool:
        """Return whether the store holds the value of a record."""
        value = jsontext.members(record.body)["value"]
        return value == found.value if self.compares_text else are_equal(value, found.value)


def _asks_for_ttl(record: Record) -> bool:
    if record.expires_at is not None:
        return True
    return b'"options"' in record.body and "options" in jsontext.members(record.body)


class ReadFirst(Record, gc=False, kw_only=True):
    """A record that reads what the store holds for `to_write`. It counts its own attempts."""

    to_write: Record

    @classmethod
    def of(cls, record: Record, *, asks_expiry: bool = True) -> "ReadFirst":
        """Return a record that reads the value of `record` in the store.

        It asks for the expiry unless the client does that for every record.
        """
        body = key_body(record.identity)
        return cls(
            record.position,
            record.source,
            record.line,
            record.identity,
            b"%b%b}" % (body[:-1], _EXPIRY) if asks_expiry else body,
            to_write=record,
        )


class FirstReads:
    """Judges records that were read first: each is skipped, fails, or is written.

    `write` is called with the number of records that were read, and with the records to write.
    `resize` replaces the body of a record.
    """

    def __init__(
        self,
        precondition: Precondition,
        *,
        write: Callable[[int, list[Record]], None],
        resize: Callable[[Record, bytes], None],
        service_now: Callable[[], float],
    ) -> None:
        self._precondition = precondition
        self._write = write
        self._resize = resize
        self._service_now = service_now

    def sift(self, outcomes: Iterable[Outcome]) -> list[Outcome]:
        """Return the outcomes that settle now."""
        settled: list[Outcome] = []
        to_write: list[Record] = []
        count = 0
        for outcome in outcomes:
            reading = outcome.subject
            if not isinstance(reading, ReadFirst):
                settled.append(outcome)
                continue
            count += 1
            judged = self._judged(reading.to_write, outcome)
            if judged is None:
                to_write.append(reading.to_write)
            else:
                settled.append(judged)
        if count:
            self._write(count, to_write)
        return settled

    def _judged(self, record: Record, outcome: Outcome) -> Outcome | None:
        """Return the outcome of a record; None if it is written."""
        failure, found, condition = outcome.failure, outcome.found, self._precondition
        if failure is not None and failure.code != codes.KEY_NOT_FOUND:
            done = "changed" if condition.write_if is WriteIf.CHOSEN else "written"
            why = f"not {done}, because reading it first failed: {failure.message}"
            return Outcome(record, State.FAILED, failure._replace(message=why))
        if condition.write_if is WriteIf.CHOSEN:
            return self._chosen(record, found)
        if found is None or condition.is_met(record, found, self._service_now()):
            return None
        if record.ambiguous and condition.is_equal(record, found):
            return Outcome(record, State.SUCCEEDED)  # an attempt of an earlier run was applied
        is_changed = condition.write_if is WriteIf.CHANGED
        return Outcome(record, State.SKIPPED, skipped_by=UNCHANGED if is_changed else EXISTS)

    def _chosen(self, record: Record, found: Found | None) -> Outcome | None:
        """Return the outcome of a record that is changed only if it is still chosen."""
        condition = self._precondition
        if found is None:
            if record.ambiguous and condition.rewrite is None:  # an attempt was applied
                return Outcome(record, State.SUCCEEDED)
            return Outcome(record, State.SKIPPED, skipped_by=MISSING)
        rewrite = condition.rewrite
        if record.ambiguous and rewrite is not None and rewrite.is_done(record, found):
            return Outcome(record, State.SUCCEEDED)
        if not condition.is_met(record, found, self._service_now()):
            return Outcome(record, State.SKIPPED, skipped_by=CHANGED)
        if condition.keeper is not None:
            condition.keeper.keep(record, found)
        if rewrite is not None:
            self._resize(record, rewrite.body(record, found))
        return None


class Conflicts:
    """Judges records that the service refused to set because their keys exist.

    After an attempt without an answer, the key may exist because that attempt was applied. So its
    value is read and compared: `read` is called with records that do that.
    """

    def __init__(self, precondition: Precondition, *, read: Callable[[list[Record]], None]) -> None:
        self._precondition = precondition
        self._read = read

    def sift(self, outcomes: Iterable[Outcome]) -> list[Outcome]:
        """Return the outcomes that settle now."""
        settled: list[Outcome] = []
        unclear: list[Record] = []
        for outcome in outcomes:
            record = outcome.subject
            if isinstance(record, ReadFirst):
                settled.append(self._judged(record.to_write, outcome))
            elif outcome.skipped_by == EXISTS and isinstance(record, Record) and record.ambiguous:
                unclear.append(ReadFirst.of(record))
            else:
                settled.append(outcome)
        if unclear:
            self._read(unclear)
        return settled

    def _judged(self, record: Record, outcome: Outcome) -> Outcome:
        failure, found = outcome.failure, outcome.found
        if found is not None:
            if self._precondition.is_equal(record, found):
                return Outcome(record, State.SUCCEEDED)
            # It still counts as ambiguous: the attempt may have been applied, and replaced since.
            return Outcome(record, State.SKIPPED, skipped_by=EXISTS)
        if failure is None or failure.code == codes.KEY_NOT_FOUND:
            trace_id = None if failure is None else failure.trace_id
            gone = "the key existed when it was set, and no longer when it was read"
            failure = Failure(codes.KEY_CONFLICT, gone, trace_id)
        else:
            why = f"the key exists, but reading it to see who wrote it failed: {failure.message}"
            failure = failure._replace(message=why)
        return Outcome(record, State.FAILED, failure)
