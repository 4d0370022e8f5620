"""The database file: its tables, format version, settings and permissions.

The file is created with mode 600. It uses WAL with synchronous=NORMAL, so a process that is killed
at any moment loses nothing that was committed. `application_id` identifies the file as kvsctl's;
`user_version` is its format version.
"""

import os
import sqlite3
import time
from pathlib import Path

from kvsctl.emulator.refusals import EmulatorError, reason_of

MEMORY = ":memory:"
APPLICATION_ID = 0x6B767363
FORMAT = 1
BUSY_SECONDS = 30.0

# Buckets are never deleted, so that every process may cache their numbers.
SCHEMA = """
CREATE TABLE bucket (
  id INTEGER PRIMARY KEY, installation TEXT NOT NULL, space TEXT NOT NULL,
  UNIQUE (installation, space));
CREATE TABLE record (
  bucket INTEGER NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
  created INTEGER NOT NULL, updated INTEGER NOT NULL, expires INTEGER,
  PRIMARY KEY (bucket, key)) WITHOUT ROWID;
CREATE INDEX record_expiry ON record (expires) WHERE expires IS NOT NULL;
CREATE TABLE past (
  id INTEGER PRIMARY KEY, bucket INTEGER NOT NULL, key TEXT NOT NULL, value BLOB,
  created INTEGER, updated INTEGER, expires INTEGER, replaced INTEGER NOT NULL);
CREATE INDEX past_key ON past (bucket, key, replaced, id);
CREATE INDEX past_replaced ON past (replaced);
CREATE TABLE indexed (
  bucket INTEGER NOT NULL, name TEXT NOT NULL, part TEXT NOT NULL, range,
  key TEXT NOT NULL, PRIMARY KEY (bucket, name, part, range, key)) WITHOUT ROWID;
CREATE INDEX indexed_key ON indexed (bucket, key);
CREATE TRIGGER record_deleted AFTER DELETE ON record BEGIN
  DELETE FROM indexed WHERE bucket = old.bucket AND key = old.key;
END;
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE snapshot (
  name TEXT NOT NULL, bucket INTEGER NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
  created INTEGER NOT NULL, updated INTEGER NOT NULL, expires INTEGER,
  PRIMARY KEY (name, bucket, key)) WITHOUT ROWID;
CREATE TABLE snapshot_name (name TEXT PRIMARY KEY) WITHOUT ROWID;
"""


def connect(path: Path | str) -> sqlite3.Connection:
    """Open the database file, or create it; `:memory:` keeps everything in this process.

    The connection is in autocommit mode and may be used from any thread, one at a time. Raise
    `EmulatorError` if the file cannot be opened, is not a kvsctl database or has a newer format.
    """
    try:
        if str(path) != MEMORY:
            _make_private(Path(path))
        connection = sqlite3.connect(
            str(path),
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
    except OSError as error:
        raise EmulatorError(f"cannot open {path}: {reason_of(error)}") from error
    except sqlite3.Error as error:
        raise EmulatorError(f"cannot open {path}: {error}") from error
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise EmulatorError(f"cannot use {path} as a database: {error}") from error
    except EmulatorError:
        connection.close()
        raise
    return connection


def _make_private(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite gives the -wal and -shm files the mode of the database file.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _prepare(connection: sqlite3.Connection, path: Path | str) -> None:
    if not _is_current(connection, path):
        # Two processes may get here at once: the second one then finds the tables of the first.
        _set_wal(connection)
        connection.execute("BEGIN IMMEDIATE")
        try:
            if not _is_current(connection, path):
                for statement in _statements():
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {FORMAT}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA temp_store = MEMORY")


def _statements() -> list[str]:
    statements: list[str] = []
    for line in SCHEMA.strip().splitlines():
        if statements and not sqlite3.complete_statement(statements[-1]):
            statements[-1] += "\n" + line
        else:
            statements.append(line)
    return statements


def _is_current(connection: sqlite3.Connection, path: Path | str) -> bool:
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if owner == 0 and version == 0 and tables == 0:
        return False
    if owner != APPLICATION_ID:
        raise EmulatorError(f"{path} is another program's database")
    if version > FORMAT:
        raise EmulatorError(
            f"{path} has format {version}; this version of kvsctl reads formats up to {FORMAT}"
        )
    return True


def _set_wal(connection: sqlite3.Connection) -> None:
    # SQLite calls no busy handler for a change of journal mode, so wait for other processes here.
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return
