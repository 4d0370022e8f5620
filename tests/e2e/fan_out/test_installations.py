"""--workers on several installations: groups of them go to workers, and one process decides."""

import json
import os
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fan_out.clusters import cluster
from tests.e2e.fan_out.workers import wait_for_workers
from tests.e2e.installations.support import ALL, container, exit_codes, lines_by_name
from tests.support.commands.command import Command, records_file
from tests.support.commands.pseudo_terminal import in_terminal
from tests.support.needs import IS_LINUX, IS_POSIX, only_on
from tests.support.waiting import wait_until

_NAMES = [f"i{number:02}" for number in range(12)]
_WORKERS = ("--workers", "2")
_MEASURED = ("started_at", "elapsed_s", "requests", "bytes_sent", "bytes_received", "units")

pytestmark = only_on(IS_POSIX, "workers are killed by signals of POSIX")


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return records_file(tmp_path / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(20)])


def _ledger(path: Path) -> list[dict[str, Any]]:
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines[1:]]


def _noted(path: Path) -> list[str]:
    return [line["installation"] for line in _ledger(path) if "installation" in line]


def _without_measures(report: dict[str, Any]) -> dict[str, Any]:
    """Return a report without times, trace ids and the order of failures."""
    shown = {name: value for name, value in report.items() if name not in _MEASURED}
    shown["installations"] = [
        {name: value for name, value in line.items() if name not in (*_MEASURED, "error")}
        for line in report["installations"]
    ]
    shown["failures"] = sorted(
        (one["installation"], one["key"], one["code"], one["source"]) for one in report["failures"]
    )
    return shown


def test_the_report_is_that_of_one_process(kvsctl: Command, records: Path, tmp_path: Path) -> None:
    """Failures, refusals and the ledger included."""
    faults = "refuse-installation=i03:404,refuse-installation=i05:403,refuse=k7:INVALID_KEY"
    words = ("set", *ALL, "-f", records, "--json", "--at-once", "4")
    with container(kvsctl, _NAMES, "--faults", faults) as inside:
        ended = inside.process(*words, *_WORKERS, "--ledger", tmp_path / "workers", status=1)
        alone = inside(*words, "--ledger", tmp_path / "alone", status=1)
    assert exit_codes(ended.report)["i05"] == 3
    assert _without_measures(ended.report) == _without_measures(alone.report)
    assert sorted(_noted(tmp_path / "workers")) == sorted(_noted(tmp_path / "alone"))
    assert _ledger(tmp_path / "workers")[-1] == {"complete": True}
    assert ended.err.splitlines()[-1] == alone.err.splitlines()[-1]


def test_canaries_hold_for_all_workers(kvsctl: Command) -> None:
    with container(kvsctl, _NAMES, "--faults", "refuse-installation=i01:403") as inside:
        words = ("set", *ALL, "a=1", "--canary", "2", "--json", *_WORKERS)
        ended = inside.process(*words, status=4)
        assert exit_codes(ended.report) == {"i00": 0, "i01": 3} | dict.fromkeys(_NAMES[2:])
        assert b"a canary failed (i01, exit code 3)" in ended.err
        found = inside("list", *ALL).lines
    assert {line["installation"] for line in found} == {"i00"}


def test_a_limit_of_failures_holds_over_all_workers(kvsctl: Command) -> None:
    faults = ",".join(f"refuse-installation={name}:403" for name in _NAMES)
    with container(kvsctl, _NAMES, "--faults", faults) as inside:
        words = ("set", *ALL, "a=1", "--at-once", "2", "--stop-after-failed-installations", "3")
        ended = inside.process(*words, "--json", *_WORKERS, status=4)
    failed = [code for code in exit_codes(ended.report).values() if code is not None]
    assert 3 <= len(failed) <= 4, "at most what was at work besides is more than the limit"
    assert b"gave up after 3 installations failed" in ended.err


def test_one_question_comes_before_all_workers(kvsctl: Command, records: Path) -> None:
    with container(kvsctl, _NAMES) as inside:
        inside("set", *ALL, "-f", records, status=0)
        words = ("delete", *ALL, "--prefix", "k1", *_WORKERS)
        refused = in_terminal(inside, *words, typed=b"n\n")
        assert len(inside("list", *ALL, status=0).lines) == 20 * 12
        consented = in_terminal(inside, *words, typed=b"y\n")
        left = inside("list", *ALL, status=0).lines
    assert (refused.status, consented.status) == (2, 0)
    assert consented.text.count("About to delete 132 records") == 1
    assert len(left) == 9 * 12


def test_the_limits_of_a_clean_up_hold_for_all_installations(
    kvsctl: Command, records: Path
) -> None:
    with container(kvsctl, _NAMES) as inside:
        inside("set", *ALL, "-f", records, status=0)
        words = ("delete", *ALL, "--prefix", "k1", "-y", "--json", *_WORKERS)
        ended = inside.process(*words, "--max-delete", "131", status=2)
        assert b"in all installations" in ended.err
        report = inside.process(*words, "--max-delete", "132", status=0).report
    assert report["succeeded"] == 132
    assert {line["succeeded"] for line in lines_by_name(report).values()} == {11}


def test_each_has_files_of_its_own(kvsctl: Command, records: Path, tmp_path: Path) -> None:
    with container(kvsctl, _NAMES[:3]) as inside:
        inside("set", *ALL, "-f", records, status=0)
        output = tmp_path / "x-{installation}.jsonl"
        inside.process("export", *ALL, *_WORKERS, "-o", output, status=0)
    for name in _NAMES[:3]:
        assert (tmp_path / f"x-{name}.jsonl").read_bytes().count(b"\n") == 20


def test_installations_in_a_file_are_reached_by_the_workers(
    kvsctl: Command, records: Path, tmp_path: Path
) -> None:
    """Each with a token of its own, which only its worker reads."""
    chosen = [{"installation": name} for name in _NAMES[:4]]
    path = records_file(tmp_path / "chosen.jsonl", chosen)
    words = ("set", "-t", "container", "--installations-file", path, "-f", records, "--json")
    with container(kvsctl, _NAMES) as inside:
        report = inside.process(*words, *_WORKERS, status=0).report
    assert [*lines_by_name(report)] == _NAMES[:4]
    assert report["succeeded"] == 80


@only_on(IS_LINUX, "workers are found in /proc")
def test_a_worker_that_dies_costs_no_record(kvsctl: Command, records: Path, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    words = ("set", *ALL, "-f", records, "--json", "--at-once", "4", "--batch-size", "1")
    with container(kvsctl, _NAMES, "--faults", "latency-ms=50") as inside:
        process = inside.start(
            *(*words, *_WORKERS, "-c", "1", "--ledger", ledger),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        wait_until(lambda: len(_noted(ledger)) >= 2)
        os.kill(wait_for_workers(process.pid, 2)[0], signal.SIGKILL)
        out, err = process.communicate(timeout=60)
        found = inside("list", *ALL, status=0).lines
    assert process.returncode == 0, err
    assert b"its worker died, so it is given to another one" in err
    assert len(found) == json.loads(out)["succeeded"] == 20 * 12
    assert sorted(_noted(ledger)) == _NAMES, "each is noted once"


@only_on(IS_LINUX, "workers are found in /proc")
def test_what_must_not_be_repeated_is_left_to_the_next_run(
    kvsctl: Command, records: Path, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    with container(kvsctl, _NAMES, "--faults", "latency-ms=50") as inside:
        inside("set", *ALL, "-f", records, status=0)
        words = ("delete", *ALL, "--all", "-y", "--ledger", ledger, "--json", "--at-once", "4")
        process = inside.start(
            *(*words, *_WORKERS, "--batch-size", "1", "-c", "1"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        wait_until(lambda: len(_noted(ledger)) >= 2)
        os.kill(wait_for_workers(process.pid, 2)[0], signal.SIGKILL)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 5, err
        codes = exit_codes(json.loads(out))
        assert Counter(codes.values()) == {0: 10, 5: 2}
        assert {*_noted(ledger)} == {name for name, code in codes.items() if code == 0}
        inside.process(*words, *_WORKERS, status=0)
        assert inside("list", *ALL, status=0).lines == []


def test_a_signal_stops_all_workers(kvsctl: Command, records: Path, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    words = ("set", *ALL, "-f", records, "--json", "--at-once", "4", "--batch-size", "1")
    with container(kvsctl, _NAMES, "--faults", "latency-ms=50") as inside:
        process = inside.start(
            *(*words, *_WORKERS, "-c", "1", "--ledger", ledger),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        wait_until(lambda: len(_noted(ledger)) >= 2)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        found = inside("list", *ALL, status=0).lines
        assert process.returncode == 143, err
        report = json.loads(out)
        assert len(found) == report["succeeded"] < 20 * 12
        assert report["unknown"] == 0
        resumed = inside.process(*words, *_WORKERS, "--ledger", ledger, status=0).report
    assert resumed["succeeded"] == 20 * 12
    assert sorted(_noted(ledger)) == _NAMES


def test_a_worker_of_a_cluster_is_killed_and_the_ledger_is_right(
    kvsctl: Command, records: Path, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    with (
        container(kvsctl, _NAMES, "--faults", "latency-ms=50") as inside,
        cluster(inside, 2) as dask,
    ):
        process = inside.start(
            *("set", *ALL, "-f", records, "--json", "--at-once", "4", "--batch-size", "1"),
            *(*_WORKERS, "-c", "1", "--ledger", ledger, "--dask", dask["address"]),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        wait_until(lambda: len(_noted(ledger)) >= 2)
        os.kill(dask["pids"][0], signal.SIGKILL)
        out, err = process.communicate(timeout=60)
        found = inside("list", *ALL, status=0).lines
    assert process.returncode == 0, err
    report = json.loads(out)
    assert len(found) == report["succeeded"] == 20 * 12
    assert {line["succeeded"] for line in lines_by_name(report).values()} == {20}
    assert sorted(_noted(ledger)) == _NAMES, "each is noted once"
    assert _ledger(ledger)[-1] == {"complete": True}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["get", "k"], "the parts cannot share stdout"),
        (["export"], "the parts cannot share stdout"),
        (
            ["set", "k=1", "--dask", "tcp://127.0.0.1:9", "--if-absent"],
            "may carry out a part twice",
        ),
        (["delete", "--all", "-y", "--dask", "tcp://127.0.0.1:9"], "may carry out a part twice"),
    ],
)
def test_what_workers_cannot_do_is_refused(kvsctl: Command, words: list[str], message: str) -> None:
    with container(kvsctl, ["a", "b"]) as inside:
        ended = inside(*words, *ALL, *_WORKERS, status=2)
        assert message in ended.err.decode()
