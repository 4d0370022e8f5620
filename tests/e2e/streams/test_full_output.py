"""A report does not claim records that did not reach the output."""

import json
import os
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any

import pytest

from tests.support.commands.command import Command, records_file
from tests.support.needs import IS_LINUX, only_on

pytestmark = pytest.mark.slow

_COUNT = 3_000


@pytest.fixture
def store(kvsctl: Command, tmp_path: Path) -> Command:
    path = records_file(
        tmp_path / "in.jsonl", [{"key": f"k{n:05}", "value": "v" * 30} for n in range(_COUNT)]
    )
    kvsctl("set", "-q", "-t", "local", "-f", path, status=0)
    return kvsctl.having(KVSCTL_TARGET="local")


@only_on(IS_LINUX, "/dev/full")
@pytest.mark.parametrize(
    "words",
    [
        ["get", "k00001", "k00002"],
        ["get", "-f", "in.jsonl"],
        ["get", "-f", "in.jsonl", "--unordered"],
        ["list"],
        ["list", "--as", "json"],
        ["list", "--count"],
        ["export"],
        ["export", "-o", "/dev/full"],
        ["du"],
        ["delete", "--all", "-n"],
    ],
)
def test_a_full_stdout_has_no_record(store: Command, tmp_path: Path, words: list[str]) -> None:
    report = tmp_path / "report.json"
    with open("/dev/full", "wb") as full:
        status, err = _ended(store, *words, "--report", report, stdout=full, cwd=tmp_path)
    assert status == 5
    assert b"No space left on device" in err
    told = _read(report)
    assert told["succeeded"] == 0
    assert told["unsent"] == told["records"] > 0


def test_a_closed_pipe_has_what_its_reader_took(store: Command, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    read_end, write_end = os.pipe()
    os.close(read_end)
    with open(write_end, "wb") as pipe:
        assert _ended(store, "export", "--report", report, stdout=pipe)[0] == 141
    told = _read(report)
    assert (told["succeeded"], told["unsent"]) == (0, told["records"])


def _ended(command: Command, *words: str | Path, **more: Any) -> tuple[int, bytes]:
    with command.start(*words, stdin=DEVNULL, stderr=PIPE, **more) as process:
        _, err = process.communicate()
    return process.returncode, err


def _read(path: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(path.read_bytes())
    return report


@only_on(IS_LINUX, "/dev/full")
@pytest.mark.parametrize("more", [[], ["--json"], ["-q"]])
def test_a_comparison_that_cannot_be_printed(
    store: Command, tmp_path: Path, more: list[str]
) -> None:
    other = records_file(tmp_path / "other.jsonl", [{"key": "k00001", "value": "other"}])
    with open("/dev/full", "wb") as full:
        status, err = _ended(store, "diff", "-f", str(other), *more, stdout=full, cwd=tmp_path)
    assert status == 5
    assert err.count(b"kvsctl: cannot write to stdout: No space left on device\n") == 1
