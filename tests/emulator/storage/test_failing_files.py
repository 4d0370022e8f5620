"""A database file that fails or that others may read: named with its path, never a defect."""

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvsctl.emulator import DatabaseFailed, EmulatorError, embedded
from kvsctl.emulator.storage import schema
from kvsctl.emulator.storage.store import Store
from kvsctl.emulator.web.guard import Guard
from tests.emulator.support import EmulatorClient, FakeTime, OpenClient
from tests.support.needs import IS_POSIX, only_on

_POSIX = only_on(IS_POSIX, "modes of POSIX")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kvs.db"


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@_POSIX
def test_a_wider_mode_is_narrowed_also_of_the_files_beside_it(
    path: Path, open_client: OpenClient
) -> None:
    open_client(path).ok("/v1/batch/set", [{"key": "a", "value": 1}])
    files = [path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))]
    for file in files:
        file.chmod(0o666)
    assert open_client(path).ok("/v1/batch/get", [{"key": "a"}])["successfulKeys"]
    assert [_mode(file) for file in files] == [0o600] * 3


@_POSIX
def test_a_wider_mode_that_cannot_be_narrowed_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    embedded(path).close()
    path.chmod(0o664)
    content = path.read_bytes()
    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(EmulatorError, match=r"others may read .*kvs\.db"):
        embedded(path)
    assert path.read_bytes() == content


def _refuse_writing(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    real = os.open

    def opening(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY):
            raise OSError(code, os.strerror(code))
        return real(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", opening)


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_file_that_cannot_be_written_is_read(
    path: Path, monkeypatch: pytest.MonkeyPatch, open_client: OpenClient, code: int
) -> None:
    first = open_client(path)
    first.ok("/v1/batch/set", [{"key": "a", "value": 1}])
    first.emulator.close()
    before = path.read_bytes()
    _refuse_writing(monkeypatch, code)
    client = open_client(path)
    assert client.ok("/v1/batch/get", [{"key": "a"}])["successfulKeys"]
    with pytest.raises(
        DatabaseFailed, match=r"kvs\.db cannot be used: attempt to write a readonly"
    ):
        client.post("/v1/batch/set", [{"key": "a", "value": 2}])
    assert path.read_bytes() == before


def test_a_file_that_cannot_be_written_and_is_not_there_or_empty(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = path.with_name("empty.db")
    empty.touch()
    _refuse_writing(monkeypatch, errno.EROFS)
    with pytest.raises(EmulatorError, match=r"cannot open .*: read-only file system"):
        embedded(path)
    with pytest.raises(EmulatorError, match=r"cannot open .*: it is empty, and cannot be written"):
        embedded(empty)


@pytest.mark.parametrize(
    ("code", "is_the_disks"),
    [
        (sqlite3.SQLITE_FULL, True),
        (sqlite3.SQLITE_IOERR_FSYNC, True),
        (sqlite3.SQLITE_CORRUPT_INDEX, True),
        (sqlite3.SQLITE_READONLY_DIRECTORY, True),
        (sqlite3.SQLITE_BUSY, True),
        (sqlite3.SQLITE_ERROR, False),
        (sqlite3.SQLITE_CONSTRAINT, False),
        (None, False),
    ],
)
def test_only_the_disks_failures_are_named_as_such(code: int | None, is_the_disks: bool) -> None:
    error = sqlite3.OperationalError("the reason")
    if code is not None:
        error.sqlite_errorcode = code
    failure = schema.failure_of(error, "/x/kvs.db")
    if is_the_disks:
        assert isinstance(failure, DatabaseFailed)
        assert str(failure) == "the database /x/kvs.db cannot be used: the reason"
    else:
        assert failure is error


def test_a_failed_write_is_rolled_back(path: Path) -> None:
    store = Store(path)

    def fills_the_disk() -> None:
        bucket = store.rows.get_or_create_bucket("i", "")
        store.rows.write([(bucket, "a", b"1", 0, 0, None)], -1)
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    with pytest.raises(DatabaseFailed, match="database or disk is full"):
        store.writing(fills_the_disk)
    assert store.rows.bucket("i", "") is None
    store.close()


@pytest.fixture
def damaged(path: Path, open_client: OpenClient) -> Iterator[EmulatorClient]:
    """A client of an emulator whose records are no longer readable."""
    first = open_client(path)
    batch = [{"key": f"k{place}", "value": "x" * 3000} for place in range(25)]
    first.ok("/v1/batch/set", batch)
    first.emulator.close()
    client = open_client(path)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    yield client
    client.emulator.close()


def test_a_caller_in_the_same_process_receives_the_error(damaged: EmulatorClient) -> None:
    with pytest.raises(DatabaseFailed, match=r"kvs\.db cannot be used: "):
        damaged.post("/v1/batch/get", [{"key": "k1"}])


def test_a_server_answers_500_and_logs_the_reason(
    damaged: EmulatorClient, caplog: pytest.LogCaptureFixture
) -> None:
    guarded = EmulatorClient(Guard(damaged.emulator), FakeTime())  # type: ignore[arg-type]
    response = guarded.post("/v1/batch/get", [{"key": "k1"}], headers={"host": "localhost"})
    assert response.status_code == 500
    assert response.json()["code"] == "INTERNAL_SERVER_ERROR"
    assert "defect" not in response.text
    assert "kvs.db cannot be used: " in caplog.text
