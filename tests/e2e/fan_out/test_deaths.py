"""Workers that die, and signals to those who work: nothing is lost and no process stays."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.fan_out.workers import is_worker, wait_for_workers, workers_of
from tests.support.commands.command import Command, records_file
from tests.support.needs import IS_LINUX, only_on
from tests.support.waiting import wait_until

_COUNT = 200
_SLOWLY = ("--batch-size", "1", "--rps", "50", "--units-per-min", "0")

pytestmark = only_on(IS_LINUX, "workers are found in /proc")


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return records_file(
        tmp_path / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(_COUNT)]
    )


def _keys(served: Command) -> int:
    return int(served("list", "--count", status=0).out)


def _started(served: Command, *words: str | Path) -> "subprocess.Popen[bytes]":
    """Start a slow job of two workers, and wait until records are written."""
    process = served.start(
        *("set", "--workers", "2", "--json", *_SLOWLY, *words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_until(lambda: _keys(served) > 4)
    return process


@pytest.mark.parametrize("has_journal", [False, True])
def test_a_worker_that_dies_costs_no_record(
    served: Command, records: Path, tmp_path: Path, has_journal: bool
) -> None:
    journal = ["--journal", str(tmp_path / "{shard}.journal")] if has_journal else []
    process = _started(served, "-f", records, *journal)
    workers = wait_for_workers(process.pid, 2)
    os.kill(workers[0], signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert b"its worker died, so it is given to another one" in err
    report = json.loads(out)
    assert report["records"] == report["succeeded"] == _COUNT
    assert _keys(served) == _COUNT
    assert not any(map(is_worker, workers))


def test_a_clean_up_without_a_journal_is_not_repeated(served: Command, records: Path) -> None:
    served("set", "-f", records, status=0)
    process = served.start(
        *("delete", "--all", "-y", "--workers", "2", "--json", *_SLOWLY),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_until(lambda: _keys(served) < _COUNT - 4)
    os.kill(wait_for_workers(process.pid, 2)[0], signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 5
    assert b"its worker died, and it must not be repeated" in err
    report = json.loads(out)
    parts = sorted(report["parts"], key=lambda part: part["exit_code"])
    assert [(part["exit_code"], part["has_report"]) for part in parts] == [(0, True), (5, False)]
    assert {part["part"] for part in parts} == {"shard 1/2", "shard 2/2"}
    assert report["records"] < _COUNT


def test_a_part_that_must_not_be_repeated_is_not(served: Command, records: Path) -> None:
    process = _started(served, "-f", records, "--if-absent=exact")
    os.kill(wait_for_workers(process.pid, 2)[0], signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 5
    assert b"its worker died, and it must not be repeated" in err
    assert 0 < json.loads(out)["records"] < _COUNT


@pytest.mark.parametrize(
    ("number", "reaches_all", "status"),
    [(signal.SIGTERM, False, 143), (signal.SIGTERM, True, 143), (signal.SIGINT, True, 130)],
)
def test_a_signal_ends_all_parts_cleanly(
    served: Command, records: Path, number: signal.Signals, reaches_all: bool, status: int
) -> None:
    """Ctrl-C reaches the group of a terminal, `kill` one process, systemd all of them."""
    process = _started(served, "-f", records)
    workers = wait_for_workers(process.pid, 2)
    if reaches_all:
        os.killpg(process.pid, number)
    else:
        os.kill(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == status, err
    report = json.loads(out)
    assert (report["interrupted"], report["exit_code"]) == (True, status)
    assert report["unknown"] == 0
    assert report["succeeded"] == _keys(served) < _COUNT
    assert not any(map(is_worker, workers))


def test_ctrl_c_while_workers_start_ends_all_parts_cleanly(served: Command, records: Path) -> None:
    """It reaches all processes of a terminal, workers that are not ready for it included."""
    process = served.start(
        *("set", "--workers", "2", "--json", *_SLOWLY, "-f", records),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_until(lambda: len(workers_of(process.pid)) > 0)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert b"Traceback" not in err, err.decode()
    assert b"its worker died" not in err, err.decode()
    assert process.returncode == 130, err
    report = json.loads(out)
    assert (report["interrupted"], report["exit_code"]) == (True, 130)
    begun = [part for part in report["parts"] if part["exit_code"] is not None]
    assert begun
    assert {(part["exit_code"], part["has_report"]) for part in begun} == {(130, True)}
    assert report["succeeded"] == _keys(served) < _COUNT


def test_no_worker_outlives_the_command(served: Command, records: Path) -> None:
    process = _started(served, "-f", records)
    workers = wait_for_workers(process.pid, 2)
    process.kill()
    process.communicate(timeout=60)
    wait_until(lambda: not any(map(is_worker, workers)))
    assert _keys(served) < _COUNT


def test_a_second_signal_ends_at_once(served: Command, records: Path) -> None:
    process = _started(served, "-f", records)
    workers = wait_for_workers(process.pid, 2)
    os.kill(process.pid, signal.SIGTERM)
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode in (130, 143)
    wait_until(lambda: not any(map(is_worker, workers)))
