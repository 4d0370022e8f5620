"""The same job with sqlite3 alone: `plain.py set|get INPUT DATABASE [OUTPUT]`.

This is what one would write by hand: the same table and pragmas as the emulator's, 25 records per
transaction or per SELECT, orjson, and no checks. It prints the seconds it took, without start-up.
"""

import sqlite3
import sys
import time
from itertools import islice
from pathlib import Path

import orjson

_BATCH = 25
_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA temp_store = MEMORY;
CREATE TABLE IF NOT EXISTS record (
  bucket INTEGER NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
  created INTEGER NOT NULL, updated INTEGER NOT NULL, expires INTEGER,
  PRIMARY KEY (bucket, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS record_expiry ON record (expires) WHERE expires IS NOT NULL;
"""
_UPSERT = """
INSERT INTO record (bucket, key, value, created, updated, expires) VALUES (1, ?, ?, ?, ?, NULL)
ON CONFLICT (bucket, key) DO UPDATE
SET value = excluded.value, updated = excluded.updated, expires = NULL
"""


def main() -> None:
    """Do the job."""
    verb, source, database = sys.argv[1:4]
    started = time.perf_counter()
    connection = sqlite3.connect(database, isolation_level=None)
    connection.executescript(_SCHEMA)
    if verb == "set":
        _set(connection, Path(source))
    else:
        _get(connection, Path(source), Path(sys.argv[4]))
    connection.close()
    print(time.perf_counter() - started)


def _set(connection: sqlite3.Connection, source: Path) -> None:
    with source.open("rb") as lines:
        while batch := list(islice(lines, _BATCH)):
            now_ms = time.time_ns() // 1_000_000
            records = map(orjson.loads, batch)
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                _UPSERT,
                [(one["key"], orjson.dumps(one["value"]), now_ms, now_ms) for one in records],
            )
            connection.execute("COMMIT")


def _get(connection: sqlite3.Connection, source: Path, output: Path) -> None:
    with source.open("rb") as lines, output.open("wb") as out:
        while batch := list(islice(lines, _BATCH)):
            keys = [line.rstrip(b"\n").decode() for line in batch]
            marks = ",".join("?" * len(keys))
            found = dict(
                connection.execute(
                    f"SELECT key, value FROM record WHERE bucket = 1 AND key IN ({marks})",
                    keys,
                ).fetchall()
            )
            for key in keys:
                out.write(b'{"key":%b,"value":%b}\n' % (orjson.dumps(key), found[key]))


if __name__ == "__main__":
    main()
