"""What every operation needs: options, clock, records; and the one way records change."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from kvsctl.emulator import json_slices, rules
from kvsctl.emulator.clock import Clock, iso8601
from kvsctl.emulator.options import EmulatorOptions
from kvsctl.emulator.refusals import Refusal, malformed
from kvsctl.emulator.storage.entities import schema_not_found
from kvsctl.emulator.storage.indexing import Indexing
from kvsctl.emulator.storage.lagging import PastVersions
from kvsctl.emulator.storage.rows import PLAIN, Row
from kvsctl.emulator.storage.store import Store
from kvsctl.emulator.wire import Item, Response

LAZY_PURGE_MS = 48 * 3600 * 1000
METADATA_FIELDS = {"CREATED_AT", "UPDATED_AT", "EXPIRE_TIME"}
PURGE_EVERY_MS = 60_000


class RecordFaults(Protocol):
    """What a fault does to single records of a batch."""

    def leaves_out(self, key: str) -> bool:
        """Whether the answer does not speak of this key."""

    def refusal(self, key: str) -> Refusal | None:
        """With what the key is refused, if it is."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request: whose store, when, with what body."""

    installation: str
    body: bytes
    now_ms: int
    record_faults: RecordFaults | None = None

    def check_fault(self, key: str) -> None:
        """Refuse the whole request when a fault refuses this key."""
        refusal = None if self.record_faults is None else self.record_faults.refusal(key)
        if refusal is not None:
            raise refusal


@dataclass(frozen=True, slots=True)
class Write:
    """A record as it will be stored; `expires` in epoch milliseconds."""

    key: str
    value: bytes
    expires: int | None


class Service:
    """The emulated service around one database. Used in the store's thread only."""

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
            from kvsctl.emulator.switches.javascript import normalised  # only with this option

            self._shown = normalised
        self._purged_ms = 0

    @property
    def lags(self) -> bool:
        """Whether queries lie behind writes."""
        return self._lag_ms > 0

    def gone_ms(self, now_ms: int) -> int:
        """Records that expired up to here do not exist any more."""
        return now_ms if self.options.expiry == "strict" else now_ms - LAZY_PURGE_MS

    def space(self, entity_name: str | None) -> str:
        """The space of a plain record or of an entity that may be used."""
        if entity_name is None:
            return PLAIN
        name = rules.check_entity_name(entity_name, self.limits)
        declared = self.options.entities
        if declared is not None and name not in declared:
            raise schema_not_found()
        return name

    def checked_write(self, item: Item, now_ms: int) -> Write:
        """The record that `item` sets, after all checks on its key, value and ttl."""
        key = rules.check_key(item.key, self.limits, of_entity=item.entity_name is not None)
        value = rules.check_value(item.value_bytes, self.limits)
        lifetime = rules.ttl_milliseconds(item.options, self.limits)
        declared = self.options.entities
        if declared is not None and item.entity_name is not None:
            declared[item.entity_name].check(json_slices.parsed(value))
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
        """Store these records, in a write transaction; new ones as created `created_ms`."""
        created = now_ms if created_ms is None else created_ms
        bucket = self.rows.get_or_create_bucket(installation, space)
        if self._lag_ms:
            self._keep_past(bucket, [one.key for one in writes], now_ms)
        rows = [(bucket, one.key, one.value, created, now_ms, one.expires) for one in writes]
        self.rows.write(rows, self.gone_ms(now_ms))
        if self.options.entities:
            self.indexing.update(bucket, space, [(one.key, one.value) for one in writes])

    def remove(self, installation: str, space: str, keys: Sequence[str], now_ms: int) -> None:
        """Delete these records, in a write transaction."""
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
        """Records in the order of their keys, as far behind the writes as queries lie."""
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
        """Delete what is gone, at most once a minute; called in write transactions."""
        if abs(now_ms - self._purged_ms) >= PURGE_EVERY_MS:
            self._purged_ms = now_ms
            self.rows.purge(self.gone_ms(now_ms))

    def read(
        self, installation: str, space: str, keys: Sequence[str], now_ms: int
    ) -> dict[str, Row]:
        """The records of these keys that exist, as they are this moment."""
        bucket = self.rows.bucket(installation, space)
        return {} if bucket is None else self.rows.read(bucket, keys, self.gone_ms(now_ms))

    def shown(self, row: Row, fields: frozenset[str] | set[str]) -> dict[str, object]:
        """A record as an answer shows it, with these metadata fields."""
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


def metadata_fields(options: object, member: str = "metadataFields") -> frozenset[str]:
    """The metadata that `options` asks for; anything but an array of known names is refused."""
    if options is None:
        return NO_FIELDS
    if not isinstance(options, dict):
        raise malformed("options must be an object")
    fields = options.get(member)
    if fields is None:
        return NO_FIELDS
    if not isinstance(fields, list) or not all(isinstance(name, str) for name in fields):
        raise malformed(f"{member} must be an array")
    unknown = sorted(set(fields) - METADATA_FIELDS)
    if unknown:
        raise malformed(f"{member} knows {', '.join(sorted(METADATA_FIELDS))}")
    return frozenset(fields)


Operation = Callable[[Service, Call], Response]
