"""The database file: its tables, format version, settings and permissions.

The file is created with mode 600; a wider mode is narrowed. It uses WAL with synchronous=NORMAL, so
a process that is killed at any moment loses nothing that was committed. `application_id` identifies
the file as kvsctl's; `user_version` is its format version. A file that cannot be written is opened
read-only.
"""

import errno
import os
import sqlite3
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from kvsctl.emulator.refusals import DatabaseFailed, EmulatorError, reason_of

MEMORY = ":memory:"
APPLICATION_ID = 0x6B767363
FORMAT = 1
BUSY_SECONDS = 30.0
_PRIVATE = 0o600
_PRIMARY = 0xFF
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
_FAILING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOLFS,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}
"""SQLite's error codes for a fault of the file, its disk or its folder, not of the statement."""

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
    `EmulatorError` if the file cannot be opened, is not a kvsctl database or has a newer format,
    and `DatabaseFailed` if it is damaged or its disk fails.
    """
    if str(path) == MEMORY:
        return _connected(MEMORY, path, _prepare)
    try:
        _make_private(Path(path))
        return _connected(str(path), path, _prepare)
    except OSError as error:
        if error.errno in _READ_ONLY and (connection := _read_only(Path(path))) is not None:
            return connection
        raise EmulatorError(f"cannot open {path}: {reason_of(error)}") from error
    except sqlite3.Error as error:
        is_read_only = error.sqlite_errorcode & _PRIMARY in (
            sqlite3.SQLITE_READONLY,
            sqlite3.SQLITE_CANTOPEN,
        )
        if is_read_only and (connection := _read_only(Path(path))) is not None:
            return connection
        raise _unusable(error, path) from error


def failure_of(error: sqlite3.Error, path: Path | str) -> Exception:
    """Return DatabaseFailed, with the path and SQLite's reason, if the file or its disk fails.

    Any other error, which is a defect of the emulator, is returned as it is.
    """
    code = getattr(error, "sqlite_errorcode", None)
    if code is None or code & _PRIMARY not in _FAILING:
        return error
    failed = DatabaseFailed(f"the database {path} cannot be used: {error}")
    failed.__cause__ = error
    return failed


def _unusable(error: sqlite3.Error, path: Path | str) -> Exception:
    failed = failure_of(error, path)
    if isinstance(failed, DatabaseFailed):
        return failed
    return EmulatorError(f"cannot use {path} as a database: {error}")


def _connected(
    database: str,
    path: Path | str,
    prepare: Callable[[sqlite3.Connection, Path | str], None],
    *,
    is_uri: bool = False,
) -> sqlite3.Connection:
    connection = sqlite3.connect(
        database,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
        uri=is_uri,
    )
    try:
        prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _read_only(path: Path) -> sqlite3.Connection | None:
    """Open an existing database read-only; return None if that fails, too.

    In a read-only folder, SQLite cannot create the files that readers share. The file is then
    opened as immutable, unless a log beside it holds newer records.
    """
    uri = path.absolute().as_uri()
    log = path.with_name(path.name + "-wal")
    modes = ["mode=ro"]
    if not log.exists() or not log.stat().st_size:
        modes.append("immutable=1")
    for mode in modes if path.is_file() else []:
        try:
            return _connected(f"{uri}?{mode}", path, _require_current, is_uri=True)
        except sqlite3.Error:
            continue
    return None


def _require_current(connection: sqlite3.Connection, path: Path | str) -> None:
    if not _is_current(connection, path):
        raise EmulatorError(f"cannot open {path}: it is empty, and cannot be written")
    connection.execute("PRAGMA temp_store = MEMORY")


def _make_private(path: Path) -> None:
    """Create the file, or narrow the mode of an existing one. Raise OSError.

    Raise EmulatorError if it is not a regular file, or if others may read or write it and its mode
    cannot be narrowed.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite gives new -wal and -shm files the mode of the database file.
    fd = os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_NONBLOCK", 0), _PRIVATE)
    try:
        is_regular = stat.S_ISREG(os.fstat(fd).st_mode)
    finally:
        os.close(fd)
    if not is_regular:  # with mode 600, other users could not use the null device
        raise EmulatorError(f"cannot open {path}: not a regular file")
    if os.name != "posix":
        return  # there, a mode only says whether a file is read-only
    # SQLite follows a link to the database, but not a link to the files beside it.
    found = Path(os.path.realpath(path))
    for name in ("", "-wal", "-shm"):
        file = found.with_name(found.name + name)
        try:
            mode = file.lstat().st_mode
            if stat.S_ISREG(mode) and mode & 0o077:
                file.chmod(_PRIVATE)
        except FileNotFoundError:
            continue
        except PermissionError as error:
            raise EmulatorError(
                f"cannot open {path}: others may read {file}, and its mode cannot be set to 600"
            ) from error


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
            with suppress(sqlite3.Error):  # SQLite may have rolled back already
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
    # One statement reads the three values at one moment: another process may be creating the
    # tables now.
    owner, version, tables = connection.execute(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)"
        " FROM pragma_application_id, pragma_user_version"
    ).fetchone()
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
