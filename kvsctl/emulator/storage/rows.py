"""The statements on records. Called in the store's thread only.

Times are milliseconds since the epoch. `gone_ms`: a record whose expiry is at or before it does
not exist any more; that one number is the whole difference between the expiry modes.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

PLAIN = ""
SECRET = "!secret"  # noqa: S105 - the name of a space; no entity can have it
LAST = "\U0010ffff"
FIELDS = "key, value, created, updated, expires"


class Row(NamedTuple):
    """A stored record; `value` is the exact bytes that were set."""

    key: str
    value: bytes
    created: int
    updated: int
    expires: int | None


# What `Row._make` does, without a Python frame for each row.
as_row: Callable[[tuple[Any, ...]], Row] = partial(tuple.__new__, Row)


class Rows:
    """Records in one database. `keep_expiry`: a write without ttl leaves the old expiry be."""

    def __init__(self, connection: sqlite3.Connection, *, keep_expiry: bool = False) -> None:
        self._connection = connection
        self._buckets: dict[tuple[str, str], int] = {}
        self._keep_expiry = keep_expiry
        self._upserts: dict[int, str] = {}

    def forget_buckets(self) -> None:
        """After a rollback: a bucket that was made in the transaction is not there."""
        self._buckets.clear()

    def bucket(self, installation: str, space: str) -> int | None:
        """The number of a bucket, if anything was ever written to it."""
        found = self._buckets.get((installation, space))
        if found is None:
            row = self._connection.execute(
                "SELECT id FROM bucket WHERE installation = ? AND space = ?", (installation, space)
            ).fetchone()
            if row is None:
                return None
            found = self._buckets[installation, space] = row[0]
        return found

    def get_or_create_bucket(self, installation: str, space: str) -> int:
        """The number of a bucket, made if need be (in a write transaction)."""
        found = self.bucket(installation, space)
        if found is None:
            cursor = self._connection.execute(
                "INSERT INTO bucket (installation, space) VALUES (?, ?)", (installation, space)
            )
            found = self._buckets[installation, space] = cursor.lastrowid or 0
        return found

    def read(self, bucket: int, keys: Sequence[str], gone_ms: int) -> dict[str, Row]:
        """The records of these keys that exist."""
        marks = ",".join("?" * len(keys))
        found = self._connection.execute(
            f"SELECT {FIELDS} FROM record WHERE bucket = ? AND key IN ({marks})"  # noqa: S608
            " AND (expires IS NULL OR expires > ?)",
            (bucket, *keys, gone_ms),
        ).fetchall()
        return {row[0]: as_row(row) for row in found}

    def write(
        self, rows: Sequence[tuple[int, str, bytes, int, int, int | None]], gone_ms: int
    ) -> None:
        """Write (bucket, key, value, created, updated, expires); an older `created` is kept."""
        sql = self._upserts.get(len(rows)) or self._upsert(len(rows))
        parameters = [field for row in rows for field in row]
        parameters += [gone_ms] * (2 if self._keep_expiry else 1)
        self._connection.execute(sql, parameters)

    def remove(self, bucket: int, keys: Sequence[str]) -> None:
        """Delete these keys; those that are not there need no word."""
        marks = ",".join("?" * len(keys))
        self._connection.execute(
            f"DELETE FROM record WHERE bucket = ? AND key IN ({marks})",  # noqa: S608
            (bucket, *keys),
        )

    def page(
        self, bucket: int, prefix: str, after: str | None, limit: int, gone_ms: int
    ) -> list[Row]:
        """Up to `limit` records in the order of their keys, behind the key `after`."""
        found = self._connection.execute(
            f"SELECT {FIELDS} FROM record WHERE bucket = ? AND key > ? AND key >= ?"  # noqa: S608
            " AND key < ? AND (expires IS NULL OR expires > ?) ORDER BY key LIMIT ?",
            (bucket, after or "", prefix, prefix + LAST, gone_ms, limit),
        )
        return list(map(as_row, found.fetchall()))

    def purge(self, gone_ms: int) -> int:
        """Delete what does not exist any more; how many that were."""
        return self._connection.execute(
            "DELETE FROM record WHERE expires <= ?", (gone_ms,)
        ).rowcount

    def installations(self) -> list[str]:
        """Every installation that was ever written to, in order."""
        found = self._connection.execute("SELECT DISTINCT installation FROM bucket ORDER BY 1")
        return [row[0] for row in found]

    def each(self, bucket: int, gone_ms: int) -> Iterator[Row]:
        """All records of a bucket, in the order of their keys."""
        found = self._connection.execute(
            f"SELECT {FIELDS} FROM record WHERE bucket = ?"  # noqa: S608
            " AND (expires IS NULL OR expires > ?) ORDER BY key",
            (bucket, gone_ms),
        )
        return map(as_row, found)

    def _upsert(self, count: int) -> str:
        expires = "excluded.expires"
        if self._keep_expiry:
            expires = "coalesce(excluded.expires, CASE WHEN expires > ? THEN expires END)"
        sql = self._upserts[count] = (
            "INSERT INTO record (bucket, key, value, created, updated, expires) VALUES "  # noqa: S608
            + ",".join(["(?,?,?,?,?,?)"] * count)
            + " ON CONFLICT (bucket, key) DO UPDATE SET value = excluded.value,"
            " created = CASE WHEN expires <= ? THEN excluded.created ELSE created END,"
            f" updated = excluded.updated, expires = {expires}"
        )
        return sql
