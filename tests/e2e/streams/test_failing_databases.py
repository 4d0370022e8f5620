"""The disk under the embedded database fails: exit code 5, SQLite's reason, and no retry."""

import ctypes
import json
import os
import shlex
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands.command import KVSCTL, Command, Ended, records_file
from tests.support.needs import (
    IS_LINUX,
    IS_POSIX,
    IS_ROOT,
    only_on,
    program,
    skip_or_fail,
    system_module,
)

resource = system_module("resource")

_COUNT = 1000
_PAGE_BYTES = 4096
_ROOM_BYTES = 400_000
_WAIT_SECONDS = 60
_DROP_FROM_BOUNDING_SET, _DAC_OVERRIDE = 24, 1  # of prctl(2) and capabilities(7)


@pytest.fixture
def local(kvsctl: Command) -> Command:
    return kvsctl.having(KVSCTL_TARGET="local")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Records that take more than the room."""
    records = [{"key": f"k{place}", "value": "x" * 1000} for place in range(_COUNT)]
    return records_file(tmp_path / "in.jsonl", records)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text("".join(f"k{place}\n" for place in range(_COUNT)))
    return path


def _failed(ended: Ended, database: Path, reason: bytes) -> dict[str, Any]:
    """Check that the run ended at once because of its database; return its report."""
    assert ended.status == 5, ended
    assert b"the database %b cannot be used: %b" % (bytes(database), reason) in ended.err
    assert b"defect" not in ended.err
    report = ended.report
    assert (report["exit_code"], report["retries"], report["ambiguous"]) == (5, 0, 0)
    assert report["records"] == report["succeeded"] + report["unsent"]
    return report


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (_ROOM_BYTES, _ROOM_BYTES))


def test_a_disk_that_fills_up(local: Command, source: Path, keys: Path) -> None:
    pipe = subprocess.PIPE
    words: list[str | Path] = ["set", "-f", source, "--json"]
    with local.start(*words, preexec_fn=_limit, stdout=pipe, stderr=pipe) as process:
        stopped = Ended(process.wait(_WAIT_SECONDS), *process.communicate())
    report = _failed(stopped, local.database, b"disk I/O error")
    assert report["unsent"] > 0
    stored = local("get", "-f", keys, "--ignore-missing", status=0).lines
    assert len(stored) == report["succeeded"], "what was not reported as done was not done"
    local(*words, status=0)


@pytest.mark.parametrize("verb", ["set", "get"])
def test_damaged_pages(local: Command, source: Path, keys: Path, verb: str) -> None:
    local("set", "-q", "-f", source, status=0)
    with local.database.open("r+b") as file:
        for place in range(_PAGE_BYTES * 20, local.database.stat().st_size, _PAGE_BYTES):
            file.seek(place)
            file.write(b"\xa5" * _PAGE_BYTES)
    words: list[str | Path] = ["set", "-f", source] if verb == "set" else ["get", "-f", keys]
    _failed(local(*words, "--json"), local.database, b"database disk image is malformed")


def test_a_damaged_first_page(local: Command) -> None:
    local("set", "a=1", status=0)
    with local.database.open("r+b") as file:
        file.seek(100)
        file.write(b"\xa5" * 3000)
    ended = local("get", "a", status=5)
    assert b"the database %b cannot be used: " % bytes(local.database) in ended.err


def test_a_table_that_is_gone_is_a_defect_of_the_emulator(local: Command) -> None:
    """The statement is at fault there, not the disk: it is not hidden as trouble of the user's."""
    local("set", "a=1", status=0)
    with sqlite3.connect(local.database) as connection:
        connection.execute("DROP TABLE bucket")
    connection.close()
    assert b"defect" in local("get", "a", "--retries", "0").err


_mounts = only_on(IS_LINUX and IS_ROOT, "only root mounts file systems, on Linux")
_READ_ONLY = "mount --bind {folder} {folder} && mount -o remount,ro,bind {folder}"
_SMALL = f"mount -t tmpfs -o size={_ROOM_BYTES} none {{folder}}"


def _mounted(local: Command, mount: str, *words: str | Path) -> Ended:
    """Run a command for which the database's folder is mounted in another way."""
    mounting = mount.format(folder=shlex.quote(str(local.database.parent)))
    script = f"{mounting} || exit 99; exec {shlex.join([str(KVSCTL), *map(str, words)])}"
    done = subprocess.run(
        [program("unshare"), "--mount", "sh", "-c", script],
        env=local.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_WAIT_SECONDS,
        check=False,
    )
    if done.returncode in (1, 99) and b"kvsctl" not in done.stderr:
        skip_or_fail("nothing can be mounted here")
    return Ended(done.returncode, done.stdout, done.stderr)


@_mounts
def test_a_report_cannot_be_on_a_read_only_file_system(local: Command) -> None:
    """The database can: it is read."""
    local("set", "a=1", status=0)
    new, empty = (local.database.with_name(name) for name in ("new", "empty"))
    empty.touch()
    for report in (new, empty):
        got = _mounted(local, _READ_ONLY, "get", "a", "--report", report)
        assert got.status == 2
        assert got.err == b"kvsctl: cannot write to %b: Read-only file system\n" % bytes(report)


@_mounts
def test_a_small_file_system_that_is_full(local: Command, source: Path) -> None:
    local.database.parent.mkdir(parents=True)
    stopped = _mounted(local, _SMALL, "set", "-f", source, "--json")
    report = _failed(stopped, local.database, b"database or disk is full")
    assert report["unsent"] > 0


@_mounts
@pytest.mark.parametrize("is_in_use", [False, True])
def test_a_read_only_file_system_is_read_and_not_written(local: Command, is_in_use: bool) -> None:
    local("set", "a=1", status=0)
    writer = sqlite3.connect(local.database)
    if is_in_use:  # the record is in the log beside the database only
        writer.execute("SELECT count(*) FROM record").fetchone()
        local("set", "a=2", status=0)
    local.database.chmod(0o644)  # cannot be narrowed there, and nothing is written
    got = _mounted(local, _READ_ONLY, "get", "a", "--values")
    assert (got.status, got.out) == (0, b"2\n" if is_in_use else b"1\n"), got
    written = _mounted(local, _READ_ONLY, "set", "b=1", "--json")
    report = _failed(written, local.database, b"attempt to write a readonly database")
    assert (report["unsent"], report["requests"]) == (1, 0)
    writer.close()


def _obey_modes() -> None:
    """Take from root, for the program that the process becomes, the right to write anywhere."""
    if os.geteuid() == 0 and ctypes.CDLL(None).prctl(_DROP_FROM_BOUNDING_SET, _DAC_OVERRIDE):
        os._exit(99)


def _obeying(local: Command, *words: str) -> Ended:
    process = local.start(
        *words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=_obey_modes,
    )  # fmt: skip
    out, err = process.communicate(timeout=_WAIT_SECONDS)
    if process.returncode == 99:
        skip_or_fail("root cannot be made to obey modes here")
    return Ended(process.returncode, out, err)


@only_on(IS_LINUX or (IS_POSIX and not IS_ROOT), "only Linux makes root obey modes of folders")
def test_a_read_only_folder_is_read_and_not_written(local: Command) -> None:
    local("set", "a=1", status=0)
    folder = local.database.parent
    folder.chmod(0o500)
    try:
        got = _obeying(local, "get", "a", "--values")
        assert (got.status, got.out) == (0, b"1\n"), got
        written = _obeying(local, "set", "b=1", "--json")
        _failed(written, local.database, b"attempt to write a readonly")
    finally:
        folder.chmod(0o700)
    assert json.loads(local("set", "b=1", "--json", status=0).out)["succeeded"] == 1
