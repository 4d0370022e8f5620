"""Disks that fill up part-way: exit code 5, what settled is reported, and the job can go on."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands.command import Command, Ended, records_file
from tests.support.commands.serving import serving
from tests.support.needs import system_module

resource = system_module("resource")

_COUNT = 300
_ROOM_BYTES = 60_000
_WAIT_SECONDS = 60


@pytest.fixture
def local(kvsctl: Command) -> Command:
    return kvsctl.having(KVSCTL_TARGET="local")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Records whose values together are far more than the room."""
    return records_file(
        tmp_path / "in.jsonl",
        [{"key": f"k{place}", "value": f"{place} {'x' * 1000}"} for place in range(_COUNT)],
    )


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """Every second record breaks a rule."""
    return records_file(
        tmp_path / "faulty.jsonl",
        [
            {"key": f"k{place}", "value": "x" * 1000, "ttl": "1h" if place % 2 else "soon"}
            for place in range(_COUNT)
        ],
    )


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (_ROOM_BYTES, _ROOM_BYTES))


def _run(
    kvsctl: Command, *words: str | Path, preexec: Callable[[], None] | None = None, **streams: Any
) -> Ended:
    """Runs a command whose files may not grow past the room."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    process = kvsctl.start(*words, preexec_fn=preexec, **streams)
    with process:
        out, complaint = process.communicate(timeout=_WAIT_SECONDS)
    assert b"Traceback" not in complaint
    return Ended(process.returncode, out or b"", complaint)


def _report(path: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(path.read_bytes())
    ends = ("succeeded", "failed", "skipped", "duplicates", "unknown", "unsent")
    assert report["records"] == sum(report[end] for end in ends)
    return report


@pytest.mark.parametrize("with_journal", [False, True])
def test_an_output_that_finds_no_room(
    local: Command, source: Path, tmp_path: Path, with_journal: bool
) -> None:
    local("set", "-f", source, status=0)
    out, keys = tmp_path / "out", tmp_path / "keys"
    keys.write_text("".join(f"k{place}\n" for place in range(_COUNT)))
    journal: list[str | Path] = ["--journal", tmp_path / "j"] if with_journal else []
    words: list[str | Path] = ["get", "-f", keys, "-o", out, "--json", "-c", "1", *journal]
    # The database is larger than the room, but only read.
    stopped = _run(local, *words, "--report", tmp_path / "report", preexec=_limit)
    assert stopped.status == 5, stopped
    assert b"File too large" in stopped.err
    report = _report(tmp_path / "report")
    assert report["exit_code"] == 5
    assert not out.exists()
    assert (tmp_path / "out.part").stat().st_size <= _ROOM_BYTES
    done = local(*words, status=0)
    assert done.report["succeeded"] == done.report["records"] == _COUNT
    assert out.read_bytes() == local("get", "-f", keys, status=0).out
    assert not (tmp_path / "out.part").exists()


def test_a_plan_that_finds_no_room_leaves_nothing(
    local: Command, source: Path, tmp_path: Path
) -> None:
    local("set", "-f", source, status=0)
    words: list[str | Path] = ["delete", "--all", "--plan", tmp_path / "plan", "--with-values"]
    stopped = _run(local, *words, preexec=_limit)
    assert stopped.status == 5, stopped
    assert b"File too large" in stopped.err
    assert [path.name for path in tmp_path.glob("plan*")] == []


@pytest.mark.parametrize("with_journal", [False, True])
def test_a_failures_file_that_finds_no_room(
    kvsctl: Command, faulty: Path, tmp_path: Path, with_journal: bool
) -> None:
    failed = tmp_path / "failed"
    journal: list[str | Path] = ["--journal", tmp_path / "j"] if with_journal else []
    with serving(kvsctl) as url, serving(kvsctl) as other:
        words: list[str | Path] = ["set", "-f", faulty, "--json", "--url"]
        limited = [*words, url, "--failures", failed, *journal]
        stopped = _run(kvsctl, *limited, preexec=_limit)
        done = kvsctl(*limited, status=1)
        whole = kvsctl(*words, other, "--failures", tmp_path / "plain", status=1)
    assert stopped.status == stopped.report["exit_code"] == 5, stopped
    # The journal holds lines that wait for an earlier position: it may be the first that is full.
    full = ("failures file", "journal") if with_journal else ("failures file",)
    assert any(f"cannot write the {name}".encode() in stopped.err for name in full), stopped
    assert (done.report["records"], done.report["failed"]) == (_COUNT, _COUNT // 2)
    assert done.report["failures"] == whole.report["failures"]
    assert failed.read_bytes() == (tmp_path / "plain").read_bytes()


def test_a_run_that_ends_before_its_input_says_how_far_it_came(
    local: Command, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(b'{"key":"a/b","value":1}\n' * 1500)
    ended = local("set", "-f", bad, "--failures", "/dev/full", status=5)
    assert b"1,000 records \xc2\xb7 1,000 failed" in ended.err
    assert b"The run ended early, after reading 1,000 records (66% of the input)." in ended.err
    bad.write_bytes(b'{"key":"a/b","value":1}\n' * 10)
    ended = local("set", "-f", bad, "--failures", "/dev/full", status=5)
    assert b"ended early" not in ended.err


def test_a_report_that_finds_no_room(local: Command) -> None:
    ended = local("set", "k=1", "--report", "/dev/full", status=5)
    assert b"No space left on device" in ended.err
    with Path("/dev/full").open("wb") as full:
        printed = _run(local, "set", "k=1", "--json", stdout=full)
    assert printed.status == 5
    assert b"No space left on device" in printed.err
