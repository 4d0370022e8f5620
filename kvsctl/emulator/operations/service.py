"""The parts that all operations share: options, clock, records, and the only way to change them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from kvsctl.emulator import rules
from kvsctl.emulator.clock import Clock, iso8601
from kvsctl.emulator.options import EmulatorOptions
from kvsctl.emulator.refusals import Refusal, invalid_body
from kvsctl.emulator.storage.entities import schema_not_found
from kvsctl.emulator.storage.indexing import Indexing
from kvsctl.emulator.storage.lagging import PastVersions
from kvsctl.emulator.storage.rows import PLAIN, Row
from kvsctl.emulator.storage.store import Store
from kvsctl.emulator.wire import Item, Response

LAZY_PURGE_MS = 48 * 3600 * 1000
NO_OPTIONS: frozenset[str] = frozenset()
SET_OPTIONS = frozenset({"ttl"})
GET_OPTIONS = frozenset({"metadataFields"})
"""The options of requests (contract: section "Endpoints")."""
METADATA_FIELDS = {"CREATED_AT", "UPDATED_AT", "EXPIRE_TIME"}
PURGE_EVERY_MS = 60_000


class RecordFaults(Protocol):
    """The faults of single records."""

    def leaves_out(self, key: str) -> bool:
        """Return whether the response leaves out this key. Each call draws again."""

    def refuses_cursor(self) -> bool:
        """Return whether the cursor of a query is refused. Each call draws again."""

    def refusal(self, key: str) -> Refusal | None:
        """Return the refusal of this key, or None."""


class Call(msgspec.Struct, frozen=True):
    """One request: the caller's installation, the body, the time, the faults of its records."""

    installation: str
    body: bytes
    now_ms: int
    record_faults: RecordFaults | None = None

    def check_cursor_fault(self, cursor: object) -> None:
        """Raise Refusal if there is a cursor and a fault refuses it."""
        faults = self.record_faults
        if cursor is not None and faults is not None and faults.refuses_cursor():
            raise Refusal(400, "INVALID_CURSOR", "Refused by the emulator's faults")

    def check_fault(self, key: str) -> None:
        """Raise Refusal, for the whole request, if a fault refuses this key."""
        refusal = None if self.record_faults is None else self.record_faults.refusal(key)
        if refusal is not None:
            raise refusal


class Write(msgspec.Struct, frozen=True, gc=False):
    """A record as it will be stored. `expires` is in epoch milliseconds, or None."""

    key: str
    value: bytes
    expires: int | None = None


class Service:
    """The emulated service on one database. Use it in the store's work only."""

    def __init__(self, options: EmulatorOptions, store: Store, clock: Clock) -> None:
        self.options = options
        self.limits = options.limits
        self.store = store
        self.rows = store.rows
        self.clock = clock
        self.past = PastVersions(store.connection)
        self.indexing = Indexing(store.connection, options.entities)
        if not self.indexing.is_current():
            store.writing(self.indexing.rebuild)
        self._lag_ms = int(options.query_lag_seconds * 1000)
        self._shown: Callable[[bytes], msgspec.Raw] = msgspec.Raw
        if options.normalise:
            # Not at the top: only --normalise needs it.
            from kvsctl.emulator.switches.javascript import normalised

            self._shown = normalised
        self._purged_ms = 0

    @property
    def lags(self) -> bool:
        """Whether queries lag behind writes."""
        return self._lag_ms > 0

    def gone_ms(self, now_ms: int) -> int:
        """Return `gone_ms` (see `storage.rows`): records that expired at or before it are gone."""
        return now_ms if self.options.expiry == "strict" else now_ms - LAZY_PURGE_MS

    def space(self, entity_name: str | None) -> str:
        """Return the space of an entity, or of plain records without an entity name.

        Raise Refusal if the name is illegal or the entity is not declared.
        """
        if entity_name is None:
            return PLAIN
        name = rules.check_entity_name(entity_name, self.limits)
        declared = self.options.entities
        if declared is not None and name not in declared:
            raise schema_not_found()
        return name

    def checked_write(
        self, item: Item, now_ms: int, options: frozenset[str] = SET_OPTIONS
    ) -> Write:
        """Return the record that `item` sets. `options`: the options that it may have.

        Raise Refusal if its key, value, ttl or an option is illegal.
        """
        key = rules.check_key(item.key, self.limits, of_entity=item.entity_name is not None)
        value = rules.check_value(item.value_bytes, self.limits)
        given = rules.check_options(item.options, options)
        lifetime = rules.ttl_milliseconds(given, self.limits)
        if item.entity_name is not None:
            rules.check_entity_value(value)
            declared = self.options.entities
            if declared is not None:
                declared[item.entity_name].check(value)
        return Write(key, value, None if lifetime is None else now_ms + lifetime)

    def put(
        self,
        installation: str,
        space: str,
        writes: Sequence[Write],
        now_ms: int,
        *,
        created_ms: int | None = None,
    ) -> None:
        """Store these records. Call it in a write transaction.

        New records get the creation time `created_ms`, by default `now_ms`.
        """
        created = now_ms if created_ms is None else created_ms
        bucket = self.rows.get_or_create_bucket(installation, space)
        if self._lag_ms:
            self._keep_past(bucket, [one.key for one in writes], now_ms)
        rows = [(bucket, one.key, one.value, created, now_ms, one.expires) for one in writes]
        self.rows.write(rows, self.gone_ms(now_ms))
        if self.options.entities:
            self.indexing.update(bucket, space, [(one.key, one.value) for one in writes])

    def remove(self, installation: str, space: str, keys: Sequence[str], now_ms: int) -> None:
        """Delete these records. Call it in a write transaction."""
        bucket = self.rows.bucket(installation, space)
        if bucket is None:
            return
        if self._lag_ms:
            self._keep_past(bucket, keys, now_ms)
        self.rows.remove(bucket, keys)

    def list(
        self,
        installation: str,
        space: str,
        prefix: str,
        after: str | None,
        limit: int,
        now_ms: int,
    ) -> list[Row]:
        """Return at most `limit` records in key order, as a query sees them, lag included."""
        bucket = self.rows.bucket(installation, space)
        if bucket is None:
            return []
        gone_ms = self.gone_ms(now_ms)
        if self._lag_ms:
            horizon_ms = now_ms - self._lag_ms
            return self.past.page(bucket, prefix, after, limit, gone_ms, horizon_ms)
        return self.rows.page(bucket, prefix, after, limit, gone_ms)

    def _keep_past(self, bucket: int, keys: Sequence[str], now_ms: int) -> None:
        self.past.forget(now_ms - self._lag_ms)
        self.past.keep(bucket, keys, now_ms)

    def purge(self, now_ms: int) -> None:
        """Delete the records that are gone (see `gone_ms`), at most once per minute.

        Call it in a write transaction.
        """
        if abs(now_ms - self._purged_ms) >= PURGE_EVERY_MS:
            self._purged_ms = now_ms
            self.rows.purge(self.gone_ms(now_ms))

    def read(
        self, installation: str, space: str, keys: Sequence[str], now_ms: int
    ) -> dict[str, Row]:
        """Return the existing records among these keys, without lag."""
        bucket = self.rows.bucket(installation, space)
        return {} if bucket is None else self.rows.read(bucket, keys, self.gone_ms(now_ms))

    @property
    def shows_stored_bytes(self) -> bool:
        """Whether values are returned as the bytes that were set."""
        return not self.options.normalise

    def json_of(self, installation: str, keys: Sequence[str], now_ms: int) -> bytes | None:
        """Return these plain records without lag, as `rows.json_of`; None unless all exist."""
        bucket = self.rows.bucket(installation, PLAIN)
        return None if bucket is None else self.rows.json_of(bucket, keys, self.gone_ms(now_ms))

    def shown(self, row: Row, fields: frozenset[str] | set[str]) -> dict[str, object]:
        """Return a record as a response shows it, with these metadata fields."""
        shown: dict[str, object] = {"key": row.key, "value": self._shown(row.value)}
        if fields:
            if "CREATED_AT" in fields:
                shown["createdAt"] = row.created
            if "UPDATED_AT" in fields:
                shown["updatedAt"] = row.updated
            if "EXPIRE_TIME" in fields and row.expires is not None:
                shown["expireTime"] = iso8601(row.expires)
        return shown


NO_FIELDS: frozenset[str] = frozenset()


def requested_fields(options: object) -> frozenset[str]:
    """Return the metadata fields that the options of a get or query request.

    Raise Refusal for any other option, or for an unknown field.
    """
    return metadata_fields(rules.check_options(options, GET_OPTIONS), "metadataFields")


def metadata_fields(options: Mapping[str, Any], member: str) -> frozenset[str]:
    """Return the metadata fields that a member of `options` requests.

    Raise Refusal, for a whole batch, if they are not an array of known names.
    """
    fields = options.get(member)
    if fields is None:
        return NO_FIELDS
    if not isinstance(fields, list) or not all(isinstance(name, str) for name in fields):
        raise invalid_body()
    if not METADATA_FIELDS.issuperset(fields):
        raise invalid_body()
    return frozenset(fields)


Operation = Callable[[Service, Call], Response]
