"""--shard I/N: several runs share one input."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands.command import Command, records_file

_PARTS = 3
_COUNT = 60


def _records() -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = [{"key": f"k{n}", "value": {"n": n}} for n in range(_COUNT)]
    for n in range(0, _COUNT, 10):
        records[n]["entityName"] = "user"
    records[5]["ttl"] = "1h"
    return records


def _written(path: Path, form: str) -> Path:
    if form == "csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["key", "value"])
            table.writerows([f"k{n}", f'"quoted" {n}'] for n in range(_COUNT))
        return path
    if form == "keys":
        path.write_text("".join(f"k{n}\n" for n in range(_COUNT)))
        return path
    if form == "json":
        path.write_text(json.dumps(_records()))
        return path
    return records_file(path, _records())


@pytest.mark.parametrize("splits", [False, True], ids=["slabs", "records"])
@pytest.mark.parametrize("form", ["jsonl", "json", "csv"])
def test_the_parts_together_write_every_record_once(
    kvsctl: Command, tmp_path: Path, form: str, splits: bool
) -> None:
    command = kvsctl.having(KVSCTL_SPLIT_SLABS="1") if splits else kvsctl
    source = _written(tmp_path / f"in.{form}", form)
    reports = [
        command("set", "-t", "local", "-f", source, "--shard", f"{n}/{_PARTS}", "--json", status=0)
        .report
        for n in range(1, _PARTS + 1)
    ]  # fmt: skip
    assert [report["shard"] for report in reports] == ["1/3", "2/3", "3/3"]
    assert sum(report["records"] for report in reports) == _COUNT
    assert sum(report["succeeded"] for report in reports) == _COUNT
    assert all(0 < report["records"] < _COUNT for report in reports)
    assert all(report["skipped"] == report["failed"] == 0 for report in reports)
    keys = [f"k{n}" for n in range(_COUNT) if form == "csv" or n % 10]
    assert kvsctl("get", "-q", "-t", "local", *keys).status == 0


def test_get_prints_its_part_in_input_order_and_a_journal_resumes_it(
    kvsctl: Command, tmp_path: Path
) -> None:
    source = _written(tmp_path / "in.keys", "keys")
    kvsctl("set", "-t", "local", *(f"k{n}={n}" for n in range(_COUNT)), status=0)
    found: list[int] = []
    for n in range(1, _PARTS + 1):
        words = (
            "get", "-t", "local", "-f", str(source), "--shard", f"{n}/{_PARTS}", "--values",
            "-o", str(tmp_path / f"out{n}"), "--journal", str(tmp_path / f"journal{n}"),
        )  # fmt: skip
        slow = ("--max-duration", "1s", "--rps", "4", "--batch-size", "2", "-c", "1")
        kvsctl(*words, *slow, status=75)
        kvsctl(*words, status=0)
        part = [int(line) for line in (tmp_path / f"out{n}").read_text().split()]
        assert part == sorted(part)
        found += part
    assert sorted(found) == [*range(_COUNT)]


def test_a_journal_belongs_to_one_part(kvsctl: Command, tmp_path: Path) -> None:
    source = _written(tmp_path / "in.keys", "keys")
    words = ("delete", "-t", "local", "-f", source, "--journal", tmp_path / "journal")
    kvsctl(*words, "--shard", "1/2", status=0)
    other = kvsctl(*words, "--shard", "2/2", status=2)
    assert b"--shard is 2/2, but was 1/2 when the journal was begun" in other.err
    assert b"--shard is not given, but was 1/2" in kvsctl(*words, status=2).err
    assert b"already complete" in kvsctl(*words, "--shard", "1/2", status=0).err


def test_a_bad_line_fails_in_one_part_and_a_repeated_key_is_decided_in_one(
    kvsctl: Command, tmp_path: Path
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(
        '{"key":"a","value":1}\n{"key":\n{"key":"a/b","value":1}\n{"key":"a","value":2}\n'
    )
    ended = [
        kvsctl("set", "-t", "local", "-f", source, "--shard", f"{n}/9", "--json")
        for n in range(1, 10)
    ]
    reports = [one.report for one in ended]
    failures = [failure for report in reports for failure in report["failures"]]
    assert sorted(failure["source"].rpartition(":")[2] for failure in failures) == ["2", "3"]
    assert sum(report["records"] for report in reports) == 4
    assert sorted({one.status for one in ended}) == [0, 1]
    assert kvsctl("get", "-q", "-t", "local", "a", "--values").out == b"2\n"


def test_a_part_without_records_is_no_failure_even_if_input_is_required(
    kvsctl: Command, tmp_path: Path
) -> None:
    words = ("delete", "-t", "local", "--require-input", "--shard")
    reports = {n: kvsctl(*words, f"{n}/4", "k", "--json").report for n in range(1, 5)}
    empty = [n for n, report in reports.items() if not report["records"]]
    assert len(empty) == 3
    ended = kvsctl(*words, f"{empty[0]}/4", "k", status=0)
    assert f"the input has no records in shard {empty[0]}/4".encode() in ended.err
    source = tmp_path / "empty"
    source.write_text("")
    assert b"--require-input needs" in kvsctl(*words, "1/4", "-f", source, status=2).err


def test_a_dry_run_and_a_check_are_about_the_part(kvsctl: Command, tmp_path: Path) -> None:
    source = _written(tmp_path / "in.jsonl", "jsonl")
    words = ("set", "-t", "local", "-f", source, "--shard", "2/3")
    dry = kvsctl(*words, "-n", "--json", status=0).report
    sent = kvsctl(*words, "--check-first", "--json", status=0).report
    assert dry["unsent"] == sent["succeeded"] == sent["records"] > 0


def test_the_report_for_people_names_the_part(kvsctl: Command) -> None:
    ended = kvsctl("set", "-t", "local", "--shard", "1/1", "a=1", status=0)
    assert ended.err.startswith(b"set  shard 1/1  LOCAL EMULATOR ")
    assert b'--shard "0/2": not one of N parts' in kvsctl("set", "--shard", "0/2", "a=1").err


_ARRAYS = {
    "kubernetes": [
        {"JOB_COMPLETION_INDEX": str(n), "KVSCTL_SHARDS": str(_PARTS)} for n in range(_PARTS)
    ],
    "slurm": [
        {
            "SLURM_ARRAY_TASK_ID": str(n),
            "SLURM_ARRAY_TASK_MIN": "1",
            "SLURM_ARRAY_TASK_MAX": str(_PARTS),
            "SLURM_ARRAY_TASK_COUNT": str(_PARTS),
        }
        for n in range(1, _PARTS + 1)
    ],
    "aws": [
        {"AWS_BATCH_JOB_ARRAY_INDEX": str(n), "AWS_BATCH_JOB_ARRAY_SIZE": str(_PARTS)}
        for n in range(_PARTS)
    ],
}


@pytest.mark.parametrize("system", _ARRAYS)
def test_the_tasks_of_an_array_job_are_the_whole(
    kvsctl: Command, tmp_path: Path, system: str
) -> None:
    source = _written(tmp_path / "in.jsonl", "jsonl")
    reports = [
        kvsctl.having(**task)(
            "set", "-t", "local", "-f", source, "--shard", "auto", "--json", status=0
        ).report
        for task in _ARRAYS[system]
    ]
    assert [report["shard"] for report in reports] == ["1/3", "2/3", "3/3"]
    assert sum(report["succeeded"] for report in reports) == _COUNT


def test_a_journal_records_the_part_of_the_task_and_refuses_another_number(
    kvsctl: Command, tmp_path: Path
) -> None:
    source = _written(tmp_path / "in.keys", "keys")
    words = ("delete", "-t", "local", "-f", source, "--journal", tmp_path / "journal")
    pod = kvsctl.having(JOB_COMPLETION_INDEX="1")
    pod(*words, "--shard", "auto/3", status=0)
    other = pod(*words, "--shard", "auto/4", status=2)
    assert b"--shard is 2/4, but was 2/3 when the journal was begun" in other.err
    assert b"already complete" in kvsctl(*words, "--shard", "2/3", status=0).err


def test_a_listing_takes_the_part_of_the_task(kvsctl: Command) -> None:
    kvsctl("set", "-t", "local", *(f"k{n}={n}" for n in range(_COUNT)), status=0)
    found = [
        key
        for task in _ARRAYS["aws"]
        for key in kvsctl.having(**task)(
            "list", "-t", "local", "--shard", "auto", status=0
        ).out.split()
    ]
    assert len(found) == len(set(found)) == _COUNT


def test_auto_outside_of_an_array_job_is_refused(kvsctl: Command) -> None:
    ended = kvsctl("set", "a=1", "-t", "local", "--shard", "auto", status=2)
    assert b"not a task of an array job" in ended.err
    assert b"Write --shard I/N" in ended.err
