"""The records that queries see while they lag behind writes (`--query-lag`).

With a lag, each write first saves the version that it replaces, with the time of the write. A query
then reads the state at `horizon_ms`. For a key replaced after that time it reads the oldest version
saved since, for any other key the stored record. Gets do not use this module: they never lag.
"""

import sqlite3
from collections.abc import Sequence

from kvsctl.emulator.storage.rows import FIELDS, LAST, Row, as_row, lower_bound


class PastVersions:
    """The replaced versions of the records of one database. Use it in the store's work only."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def keep(self, bucket: int, keys: Sequence[str], now_ms: int) -> None:
        """Save the current versions of these keys, or their absence, before a write."""
        self._connection.executemany(
            f"INSERT INTO past (bucket, {FIELDS}, replaced)"  # noqa: S608
            " SELECT :bucket, :key, value, created, updated, expires, :now FROM (SELECT 1)"
            " LEFT JOIN record ON bucket = :bucket AND key = :key",
            [{"bucket": bucket, "key": key, "now": now_ms} for key in keys],
        )

    def forget(self, horizon_ms: int) -> None:
        """Delete versions replaced at or before `horizon_ms`: no query can see them any more."""
        self._connection.execute("DELETE FROM past WHERE replaced <= ?", (horizon_ms,))

    def page(
        self, bucket: int, prefix: str, after: str | None, limit: int, gone_ms: int, horizon_ms: int
    ) -> list[Row]:
        """Return what `Rows.page` would have returned at `horizon_ms`."""
        bound, start = lower_bound(prefix, after)
        found = self._connection.execute(
            f"SELECT {FIELDS} FROM ("  # noqa: S608
            f" SELECT {FIELDS} FROM record r WHERE bucket = :bucket AND NOT EXISTS ("
            "   SELECT 1 FROM past WHERE bucket = :bucket AND key = r.key AND replaced > :horizon)"
            f" UNION ALL SELECT {FIELDS} FROM past p WHERE bucket = :bucket AND id = ("
            "   SELECT id FROM past WHERE bucket = :bucket AND key = p.key AND replaced > :horizon"
            "   ORDER BY replaced, id LIMIT 1) AND value IS NOT NULL)"
            f" WHERE {bound} :start AND key < :last"
            " AND (expires IS NULL OR expires > :gone) ORDER BY key LIMIT :limit",
            {
                "bucket": bucket,
                "horizon": horizon_ms,
                "start": start,
                "last": prefix + LAST,
                "gone": gone_ms,
                "limit": limit,
            },
        )
        return list(map(as_row, found.fetchall()))
