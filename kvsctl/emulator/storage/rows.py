"""The SQL statements on records. Use them in the store's work only.

Times are milliseconds since the epoch. A record that expired at or before `gone_ms` does not exist
any more; the expiry modes differ in this one number only.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

PLAIN = ""
SECRET = "!secret"  # noqa: S105 - the name of a space; not a legal entity name
LAST = "\U0010ffff"
FIELDS = "key, value, created, updated, expires"


class Row(NamedTuple):
    """A stored record. `value` is the exact bytes that were set."""

    key: str
    value: bytes
    created: int
    updated: int
    expires: int | None


# Like `Row._make`, but without a Python frame for each row.
as_row: Callable[[tuple[Any, ...]], Row] = partial(tuple.__new__, Row)


def lower_bound(prefix: str, after: str | None) -> tuple[str, str]:
    """Return the lower bound of a page: the start of a condition on the key, and its value.

    SQLite searches its tree for one lower bound only. With two, it can read every key between them.
    """
    return ("key >=", prefix) if after is None or after < prefix else ("key >", after)


class Rows:
    """The records of one database. With `keep_expiry`, a write without ttl keeps the old expiry."""

    def __init__(self, connection: sqlite3.Connection, *, keep_expiry: bool = False) -> None:
        self._connection = connection
        self._buckets: dict[tuple[str, str], int] = {}
        self._keep_expiry = keep_expiry
        self._upserts: dict[int, str] = {}
        self._selects: dict[int, str] = {}

    def forget_buckets(self) -> None:
        """Forget cached bucket numbers, after a rollback that may have removed a new bucket."""
        self._buckets.clear()

    def bucket(self, installation: str, space: str) -> int | None:
        """Return the number of a bucket, or None if nothing was ever written to it."""
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
        """Return the number of a bucket; create it if missing. Call it in a write transaction."""
        found = self.bucket(installation, space)
        if found is None:
            cursor = self._connection.execute(
                "INSERT INTO bucket (installation, space) VALUES (?, ?)", (installation, space)
            )
            found = self._buckets[installation, space] = cursor.lastrowid or 0
        return found

    def read(self, bucket: int, keys: Sequence[str], gone_ms: int) -> dict[str, Row]:
        """Return the existing records among these keys, by key."""
        marks = ",".join("?" * len(keys))
        found = self._connection.execute(
            f"SELECT {FIELDS} FROM record WHERE bucket = ? AND key IN ({marks})"  # noqa: S608
            " AND (expires IS NULL OR expires > ?)",
            (bucket, *keys, gone_ms),
        ).fetchall()
        return {row[0]: as_row(row) for row in found}

    def json_of(self, bucket: int, keys: Sequence[str], gone_ms: int) -> bytes | None:
        """Return `{"key":…,"value":…}` of each of these keys, separated by commas.

        The keys must be distinct, and need no escape in JSON. Return None unless all of them exist.
        """
        sql = self._selects.get(len(keys)) or self._select(len(keys))
        count, joined = self._connection.execute(sql, (*keys, bucket, gone_ms)).fetchone()
        return joined if count == len(keys) else None

    def write(
        self, rows: Sequence[tuple[int, str, bytes, int, int, int | None]], gone_ms: int
    ) -> None:
        """Write rows of (bucket, key, value, created, updated, expires).

        An existing record keeps its `created`.
        """
        sql = self._upserts.get(len(rows)) or self._upsert(len(rows))
        parameters = list(chain.from_iterable(rows))
        parameters += [gone_ms] * (2 if self._keep_expiry else 1)
        self._connection.execute(sql, parameters)

    def remove(self, bucket: int, keys: Sequence[str]) -> None:
        """Delete these keys; missing keys are ignored."""
        marks = ",".join("?" * len(keys))
        self._connection.execute(
            f"DELETE FROM record WHERE bucket = ? AND key IN ({marks})",  # noqa: S608
            (bucket, *keys),
        )

    def page(
        self, bucket: int, prefix: str, after: str | None, limit: int, gone_ms: int
    ) -> list[Row]:
        """Return at most `limit` records with this prefix, in key order, after the key `after`."""
        bound, start = lower_bound(prefix, after)
        found = self._connection.execute(
            f"SELECT {FIELDS} FROM record WHERE bucket = ? AND {bound} ?"  # noqa: S608
            " AND key < ? AND (expires IS NULL OR expires > ?) ORDER BY key LIMIT ?",
            (bucket, start, prefix + LAST, gone_ms, limit),
        )
        return list(map(as_row, found.fetchall()))

    def purge(self, gone_ms: int) -> int:
        """Delete the records that are gone, and return their number."""
        return self._connection.execute(
            "DELETE FROM record WHERE expires <= ?", (gone_ms,)
        ).rowcount

    def installations(self) -> list[str]:
        """Return every installation that was ever written to, sorted."""
        found = self._connection.execute("SELECT DISTINCT installation FROM bucket ORDER BY 1")
        return [row[0] for row in found]

    def each(self, bucket: int, gone_ms: int, after: str | None = None) -> Iterator[Row]:
        """Return an iterator over the records of a bucket, in key order, after the key `after`."""
        bound, start = lower_bound("", after)
        found = self._connection.execute(
            f"SELECT {FIELDS} FROM record WHERE bucket = ? AND {bound} ?"  # noqa: S608
            " AND (expires IS NULL OR expires > ?) ORDER BY key",
            (bucket, start, gone_ms),
        )
        return map(as_row, found)

    def _select(self, count: int) -> str:
        # A search key by key takes two thirds of the time of IN, which sorts the keys.
        # SQLite joins the JSON because returning 25 rows takes longer than returning one.
        sql = self._selects[count] = (
            f"WITH asked (one) AS (VALUES {','.join(['(?)'] * count)})"  # noqa: S608
            """ SELECT count(*), CAST("""
            """group_concat('{"key":"' || key || '","value":' || value, '},') || '}' AS BLOB)"""
            " FROM asked CROSS JOIN record"
            " ON bucket = ? AND key = one AND (expires IS NULL OR expires > ?)"
        )
        return sql

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
