"""The indexes of declared entities, updated in the same transactions as the records.

A record is in an index if all attributes of the index are scalars in its value. Within a partition
records are sorted by the range attribute, then by key.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from kvsctl.emulator import json_slices
from kvsctl.emulator.storage.entities import Entity, Index

Scalar = str | int | float
INT64 = 2**63
SETTING = "entities"


def sortable(value: object) -> Scalar | None:
    """Return a JSON scalar in the form that SQLite sorts, or None if it cannot be indexed."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        return value if json_slices.is_unicode(value) else None
    if isinstance(value, int):
        return value if -INT64 <= value < INT64 else float(value)
    return value if isinstance(value, float) else None


def partition_text(values: Iterable[object]) -> str | None:
    """Return a text that identifies a combination of partition values; 1 and 1.0 are equal.

    Return None if one of them cannot be indexed.
    """
    parts: list[object] = []
    for value in values:
        if sortable(value) is None:
            return None
        whole = isinstance(value, float) and value.is_integer()
        parts.append(int(value) if whole else value)  # type: ignore[call-overload]
    return msgspec.json.encode(parts).decode()


def positions(index: Index, value: Mapping[str, Any]) -> tuple[str, Scalar] | None:
    """Return the partition and the range value of a record in an index.

    Return None if the index does not contain a record with this value.
    """
    part = partition_text(value.get(name) for name in index.partition)
    at = sortable(value.get(index.range))
    return None if part is None or at is None else (part, at)


class Indexing:
    """The `indexed` table, kept in step with the records. Use it in the store's work only."""

    def __init__(
        self, connection: sqlite3.Connection, entities: Mapping[str, Entity] | None
    ) -> None:
        self._connection = connection
        self._entities = entities or {}

    def update(self, bucket: int, space: str, records: Sequence[tuple[str, bytes]]) -> None:
        """Index these keys and values, replacing the earlier index rows of the keys."""
        entity = self._entities.get(space)
        if entity is None or not entity.indexes:
            return
        self._connection.executemany(
            "DELETE FROM indexed WHERE bucket = ? AND key = ?",
            [(bucket, key) for key, _ in records],
        )
        found: list[tuple[int, str, str, Scalar, str]] = []
        for key, raw in records:
            value: Any = json_slices.parsed(raw)
            for index in entity.indexes.values() if isinstance(value, dict) else ():
                position = positions(index, value)
                if position is not None:
                    found.append((bucket, index.name, *position, key))
        self._connection.executemany(
            "INSERT INTO indexed (bucket, name, part, range, key) VALUES (?, ?, ?, ?, ?)", found
        )

    def is_current(self) -> bool:
        """Return whether the indexes in the file belong to the declared entities."""
        row = self._connection.execute(
            "SELECT value FROM setting WHERE name = ?", (SETTING,)
        ).fetchone()
        return (row[0] if row else "{}") == self._fingerprint()

    def rebuild(self) -> None:
        """Index every record again. Call it in a write transaction."""
        connection = self._connection
        connection.execute("DELETE FROM indexed")
        buckets = connection.execute("SELECT id, space FROM bucket").fetchall()
        for bucket, space in buckets:
            if space in self._entities:
                records = connection.execute(
                    "SELECT key, value FROM record WHERE bucket = ?", (bucket,)
                )
                while chunk := records.fetchmany(1000):
                    self.update(bucket, space, chunk)
        connection.execute(
            "INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)",
            (SETTING, self._fingerprint()),
        )

    def _fingerprint(self) -> str:
        return json.dumps(
            {
                entity.name: sorted([one.name, *one.partition, one.range] for one in indexes)
                for entity in self._entities.values()
                if (indexes := list(entity.indexes.values()))
            },
            sort_keys=True,
        )
