"""What queries still see while they lie behind the writes.

With a lag, each write first keeps what it replaces, with the time it did so; a query then looks
at the state of `horizon_ms`: for a key that was replaced after that, the oldest version kept
since, else what is stored. Gets never come here.
"""

import sqlite3
from collections.abc import Sequence

from kvsctl.emulator.storage.rows import FIELDS, LAST, Row, as_row


class PastVersions:
    """Versions that were replaced, in one database. Called in the store's thread only."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def keep(self, bucket: int, keys: Sequence[str], now_ms: int) -> None:
        """Keep these keys as they are, or as not there, before they are written."""
        self._connection.executemany(
            f"INSERT INTO past (bucket, {FIELDS}, replaced)"  # noqa: S608
            " SELECT :bucket, :key, value, created, updated, expires, :now FROM (SELECT 1)"
            " LEFT JOIN record ON bucket = :bucket AND key = :key",
            [{"bucket": bucket, "key": key, "now": now_ms} for key in keys],
        )

    def forget(self, horizon_ms: int) -> None:
        """Drop versions that no query can see any more."""
        self._connection.execute("DELETE FROM past WHERE replaced <= ?", (horizon_ms,))

    def page(
        self, bucket: int, prefix: str, after: str | None, limit: int, gone_ms: int, horizon_ms: int
    ) -> list[Row]:
        """`Rows.page` as it was at `horizon_ms`."""
        found = self._connection.execute(
            f"SELECT {FIELDS} FROM ("  # noqa: S608
            f" SELECT {FIELDS} FROM record r WHERE bucket = :bucket AND NOT EXISTS ("
            "   SELECT 1 FROM past WHERE bucket = :bucket AND key = r.key AND replaced > :horizon)"
            f" UNION ALL SELECT {FIELDS} FROM past p WHERE bucket = :bucket AND id = ("
            "   SELECT id FROM past WHERE bucket = :bucket AND key = p.key AND replaced > :horizon"
            "   ORDER BY replaced, id LIMIT 1) AND value IS NOT NULL)"
            " WHERE key > :after AND key >= :prefix AND key < :last"
            " AND (expires IS NULL OR expires > :gone) ORDER BY key LIMIT :limit",
            {
                "bucket": bucket,
                "horizon": horizon_ms,
                "after": after or "",
                "prefix": prefix,
                "last": prefix + LAST,
                "gone": gone_ms,
                "limit": limit,
            },
        )
        return list(map(as_row, found.fetchall()))
