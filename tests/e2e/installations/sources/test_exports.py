"""Files that are read for several installations are compared with their manifests first."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from kvsctl.errors import ExitStatus
from tests.e2e.installations.support import ALL, container, exit_codes, lines_by_name
from tests.support.commands.command import Command, records_file
from tests.support.needs import IS_POSIX, only_on
from tests.support.waiting import wait_until

_NAMES = ("i1", "i2", "i3")
_FILES = "backup-{installation}.jsonl"
_TIME_SPENT: Final = """
from msgspec.structs import replace
from kvsctl.cli import request
def compared(given, places, schedule):
    return replace(schedule, spent_seconds=60.0)
request.require_matching_files = compared
"""
_SUCCEEDED: Final = b'"exit_code":0'
_ENDLESS: Final = """
import threading
from kvsctl.backups import checking
read = checking.digest_of
def digest_of(path, is_stopped):
    while path.name == "backup-i2.jsonl" and not is_stopped():
        threading.Event().wait(0.01)
    return read(path)
checking.digest_of = digest_of
"""


@pytest.fixture
def inside(kvsctl: Command, tmp_path: Path) -> Iterator[Command]:
    """Yield the command in an app with three stores, with an export of each, one of it damaged."""
    records = [{"key": key, "value": {"n": 1}} for key in ("a:1", "a:2", "b:1")]
    with container(kvsctl, _NAMES) as command:
        command("set", *ALL, "-f", records_file(tmp_path / "in.jsonl", records), status=0)
        command("export", *ALL, "-o", tmp_path / _FILES, status=0)
        damaged = tmp_path / "backup-i2.jsonl"
        damaged.write_bytes(damaged.read_bytes().replace(b'"n": 1', b'"n": 2', 1))
        yield command


def _check(report: dict[str, Any]) -> None:
    assert exit_codes(report) == {"i1": 0, "i2": 2, "i3": 0}
    line = lines_by_name(report)["i2"]
    assert "does not match backup-i2.jsonl.manifest.json" in line["error"]
    assert "--ignore-manifest" in line["hint"]
    assert (line["requests"], report["succeeded"]) == (0, 6)


def test_a_damaged_file_of_one_stops_no_other(inside: Command, tmp_path: Path) -> None:
    words = ["set", *ALL, "-f", str(tmp_path / _FILES), "--json"]
    _check(inside(*words, status=1).report)
    assert inside(*words, "--ignore-manifest", status=0).report["succeeded"] == 9


@only_on(IS_POSIX, "workers are stopped by signals of POSIX")
def test_workers_compare_the_files_too(inside: Command, tmp_path: Path) -> None:
    words = ["set", *ALL, "-f", str(tmp_path / _FILES), "--json", "--workers", "2"]
    _check(inside.process(*words, status=1).report)
    assert inside.process(*words, "--ignore-manifest", status=0).report["succeeded"] == 9


@pytest.mark.parametrize(
    ("limit", "status"), [((), ExitStatus.INTERRUPTED), (("1s",), ExitStatus.WORK_LEFT)]
)
def test_a_large_file_of_one_delays_no_other_and_no_signal(
    inside: Command, tmp_path: Path, limit: tuple[str, ...], status: ExitStatus
) -> None:
    """Its comparison takes until it is stopped."""
    ledger = tmp_path / "ledger"
    words = ["set", *ALL, "-f", str(tmp_path / _FILES), "--ledger", str(ledger), "--at-once", "2"]
    words += ["--max-duration", *limit] if limit else []
    with inside.start(*words, prelude=_ENDLESS, stderr=subprocess.PIPE) as process:
        try:
            wait_until(lambda: ledger.exists() and ledger.read_bytes().count(_SUCCEEDED) == 2)
            if not limit:
                process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == status
    assert b"before the input was compared with its manifest: nothing was sent" in err
    assert b'"i2"' not in ledger.read_bytes()


def test_a_damaged_file_is_not_compared(inside: Command, tmp_path: Path) -> None:
    words = ("diff", *ALL, "-f", str(tmp_path / _FILES))
    ended = inside(*words, status=1)
    assert b"does not match backup-i2.jsonl.manifest.json" in ended.err
    assert ended.out == b""
    found = inside(*words, "--ignore-manifest", status=1).lines
    assert [(one["installation"], one["key"]) for one in found] == [("i2", "a:1")]


@pytest.mark.parametrize("command", ["set", "diff"])
def test_a_damaged_file_of_all_is_refused(inside: Command, tmp_path: Path, command: str) -> None:
    ended = inside(command, *ALL, "-f", tmp_path / "backup-i2.jsonl", status=2)
    assert b"does not match backup-i2.jsonl.manifest.json" in ended.err
    assert b"i1" not in ended.err, "no installation is begun"


def test_the_comparison_of_a_file_of_all_takes_of_their_time(
    inside: Command, tmp_path: Path
) -> None:
    words = ["set", *ALL, "-f", str(tmp_path / "in.jsonl"), "--at-once", "1"]
    words += ["--max-duration", "1m"]
    with inside.start(*words, prelude=_TIME_SPENT, stderr=subprocess.PIPE) as process:
        _, err = process.communicate(timeout=30)
    assert b"work is left: the time of --max-duration 1m is up" in err
    assert process.returncode == ExitStatus.WORK_LEFT
