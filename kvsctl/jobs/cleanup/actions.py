"""What a clean-up does with listed records: delete them, or give them a ttl."""

from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

import msgspec
from msgspec.structs import replace

from kvsctl.blake2 import blake2b
from kvsctl.bulk.settling.precondition import Precondition, WriteIf
from kvsctl.comparison.entries import Entry
from kvsctl.durations import duration_text
from kvsctl.jsonequal import canonical
from kvsctl.limits import TTL_UNIT_SECONDS
from kvsctl.listing.walk import SOURCE
from kvsctl.model import Found, Identity, Record, Verb
from kvsctl.records.ttl import Ttl
from kvsctl.service.found import is_past
from kvsctl.service.wire import key_body

_HASH_BYTES: Final = 16


StillChosen: TypeAlias = Callable[[Identity, Found, float], bool]
"""Whether a rule still chooses a record that was read again, at a time in epoch seconds."""


class Action(Protocol):
    """What is done with each record that is still chosen when it is read again."""

    @property
    def name(self) -> str:
        """Its name for users."""
        ...

    @property
    def verb(self) -> Verb:
        """The operation that does it."""
        ...

    @property
    def ttl_text(self) -> str | None:
        """The ttl that records get, as users write it; None: they get none."""
        ...

    @property
    def done(self) -> str:
        """Its past participle: `deleted`."""
        ...

    @property
    def repeats(self) -> bool:
        """Whether it is repeated for records that a later listing finds."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the question that asks for consent."""
        ...

    def entry(self, identity: Identity, found: Found) -> Entry:
        """Return what to keep of a listed record. Its body begins with the size of the value."""
        ...

    def record(self, position: int, entry: Entry) -> Record:
        """Return the record to work on."""
        ...

    def precondition(self, given: Precondition, chosen: StillChosen) -> Precondition:
        """Return its precondition. `chosen`: whether a record read again is still chosen."""
        ...


class Deleting(msgspec.Struct, frozen=True):
    """Delete each record.

    `compares_values`: only if its value has not changed since the listing. The selection cannot
    judge again what an index has chosen.
    """

    compares_values: bool = False

    name = "delete"
    verb = Verb.DELETE
    ttl_text: str | None = None
    done = "deleted"
    repeats = True
    notes: tuple[str, ...] = ()

    def entry(self, identity: Identity, found: Found) -> Entry:
        """See Action."""
        hash_ = b" " + _hash(found.value) if self.compares_values else b""
        return Entry(identity.entity or "", identity.key, b"%d%b" % (len(found.value), hash_))

    def record(self, position: int, entry: Entry) -> Record:
        """See Action."""
        if self.compares_values:
            return _listed_record(position, entry)
        identity = Identity(entry.entity or None, entry.key)
        return Record(position, SOURCE, position + 1, identity, key_body(identity))

    def precondition(self, given: Precondition, chosen: StillChosen) -> Precondition:
        """See Action. Records that were chosen by key alone are not read again."""
        if given.write_if is not WriteIf.CHOSEN:
            return given

        def chooses(record: Record, found: Found, now: float) -> bool:
            is_same = not self.compares_values or _has_listed_value(record, found)
            return is_same and chosen(record.identity, found, now)

        return replace(given, chooses=chooses)


class ListedRecord(Record, gc=False, kw_only=True):
    """A record with the hash of the value that was listed.

    `earlier_expiry`: its expiry before the first attempt to write it.
    """

    value_hash: bytes
    earlier_expiry: str | None = None


class Expiring(msgspec.Struct, frozen=True):
    """Give each record a ttl: read its value again, and write it if it is still the listed one.

    The service has no request that sets a ttl alone.
    """

    ttl: Ttl

    name = "expire"
    verb = Verb.SET
    done = "changed"
    repeats = False

    @property
    def ttl_text(self) -> str:
        """See Action."""
        return self.ttl.short

    @property
    def notes(self) -> tuple[str, ...]:
        """See Action."""
        seconds = self.ttl.value * TTL_UNIT_SECONDS[self.ttl.unit]
        return (
            f"Each record expires {duration_text(seconds)} after it is written. Its value is kept; "
            "what your app writes between the read and the write of a record is lost.",
        )

    def entry(self, identity: Identity, found: Found) -> Entry:
        """See Action."""
        body = b"%d %b" % (len(found.value), _hash(found.value))
        return Entry(identity.entity or "", identity.key, body)

    def record(self, position: int, entry: Entry) -> Record:
        """See Action."""
        return _listed_record(position, entry)

    def precondition(self, given: Precondition, chosen: StillChosen) -> Precondition:
        """See Action. A record whose value has changed since the listing is left alone."""

        def chooses(record: Record, found: Found, now: float) -> bool:
            return (
                not is_past(found.expire_time, now)
                and _has_listed_value(record, found)
                and chosen(record.identity, found, now)
            )

        return replace(given, chooses=chooses, rewrite=self)

    def body(self, record: Record, found: Found) -> bytes:
        """Return the body that writes a value with the ttl. See Rewrite."""
        if isinstance(record, ListedRecord) and not record.ambiguous:
            record.earlier_expiry = found.expire_time
        return body_with_ttl(record.identity, found.value, self.ttl)

    def is_done(self, record: Record, found: Found) -> bool:
        """Return whether the listed value has another expiry than before. See Rewrite."""
        assert isinstance(record, ListedRecord)  # noqa: S101
        is_same = _has_listed_value(record, found)
        return is_same and found.expire_time not in (None, record.earlier_expiry)


def _listed_record(position: int, entry: Entry) -> ListedRecord:
    identity = Identity(entry.entity or None, entry.key)
    value_hash = entry.body.partition(b" ")[2]
    body = key_body(identity)
    return ListedRecord(position, SOURCE, position + 1, identity, body, value_hash=value_hash)


def _has_listed_value(record: Record, found: Found) -> bool:
    assert isinstance(record, ListedRecord)  # noqa: S101
    return _hash(found.value) == record.value_hash


def body_with_ttl(identity: Identity, value: bytes, ttl: Ttl) -> bytes:
    """Return the body that writes a value as it is, with a ttl."""
    return b'%b,"value":%b,"options":%b}' % (key_body(identity)[:-1], value, ttl.json)


def _hash(value: bytes) -> bytes:
    """Return a hash of a value that is the same for all its formats.

    Queries and batch/get may format a value differently.
    """
    return blake2b(canonical(value), digest_size=_HASH_BYTES).hexdigest().encode()
