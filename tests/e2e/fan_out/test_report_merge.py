"""kvsctl report merge: the reports of several runs are the report of the whole."""

import json
from pathlib import Path

import pytest

from kvsctl.report.merging.checked import COUNTS
from tests.support.commands.command import Command, records_file
from tests.support.needs import IS_LINUX, only_on


@pytest.fixture
def parts(kvsctl: Command, tmp_path: Path) -> list[Path]:
    """The reports of three shards, of which one has a failure."""
    source = records_file(
        tmp_path / "in.jsonl",
        [{"key": "a/b", "value": 1}, *({"key": f"k{n}", "value": n} for n in range(40))],
    )
    paths = [tmp_path / f"part-{n}.json" for n in (1, 2, 3)]
    for n, path in enumerate(paths, 1):
        kvsctl("set", "-q", "-t", "local", "-f", source, "--shard", f"{n}/3", "--report", path)
    return paths


def test_the_sum_is_the_report_of_the_whole(
    kvsctl: Command, parts: list[Path], tmp_path: Path
) -> None:
    ended = kvsctl("report", "merge", *parts, "--json", status=0)
    assert ended.err == b""
    whole = kvsctl("set", "-t", "local", "-f", tmp_path / "in.jsonl", "--json", status=1).report
    total = ended.report
    assert total.keys() == whole.keys()
    of_packing = {"requests", "units", "bytes_sent", "bytes_received"}
    for name in {*COUNTS, "command", "target", "exit_code", "inputs"} - of_packing:
        assert total[name] == whole[name], name
    assert [failure["key"] for failure in total["failures"]] == ["a/b"]


def test_stdin_may_hold_several_reports(kvsctl: Command, parts: list[Path]) -> None:
    lines = b"".join(path.read_bytes() for path in parts[:2])
    piped = kvsctl("report", "merge", "-", parts[2], "--json", stdin=lines, status=0)
    assert piped.out == kvsctl("report", "merge", *parts, "--json", status=0).out


def test_people_see_totals_and_failures_on_stdout(kvsctl: Command, parts: list[Path]) -> None:
    ended = kvsctl("report", "merge", *parts, status=0)
    assert ended.err == b""
    lines = ended.out.decode().splitlines()
    assert lines[0].startswith("set  local (")
    assert lines[0].endswith("  3 reports")
    assert lines[1].startswith("41 records · 40 succeeded · 1 failed · ")
    assert lines[2] == "exit code 1"
    assert any("INVALID_KEY" in line and "a/b" in line for line in lines[3:])


def test_dry_runs_add_up_to_a_dry_run(kvsctl: Command, tmp_path: Path) -> None:
    source = records_file(tmp_path / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(60)])
    paths = [tmp_path / f"part-{n}.json" for n in (1, 2)]
    for n, path in enumerate(paths, 1):
        words = ("set", "-q", "-t", "local", "-f", source, "--dry-run", "--shard", f"{n}/2")
        kvsctl(*words, "--report", path, status=0)
    lines = kvsctl("report", "merge", *paths, status=0).out.decode().splitlines()
    assert "DRY RUN, nothing was sent" in lines[0]
    assert lines[1] == "60 records · 60 to send"
    assert "less than 0.01 USD" in lines[2]
    kvsctl("set", "-q", "-t", "local", "-f", source, "--report", paths[0], status=0)
    mixed = kvsctl("report", "merge", *paths, status=2)
    assert b"reports of dry runs do not add up with others" in mixed.err


def test_what_is_not_a_report_is_refused_by_name(
    kvsctl: Command, parts: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "empty.json").touch()
    (tmp_path / "torn.json").write_bytes(b'{"schema":1,')
    for name in ("in.jsonl", "empty.json", "torn.json"):
        path = tmp_path / name
        ended = kvsctl("report", "merge", parts[0], path, "--json", status=2)
        assert list(ended.report) == ["schema", "version", "command", "exit_code", "error"]
        assert f"kvsctl: {path}:".encode() in ended.err
    document = json.loads(parts[0].read_bytes()) | {"schema": 2}
    (tmp_path / "new.json").write_text(json.dumps(document))
    newer = kvsctl("report", "merge", tmp_path / "new.json", status=2)
    assert b"newer than this kvsctl can read" in newer.err


@only_on(IS_LINUX, "other systems have no /dev/full")
def test_a_full_stdout_is_an_error(kvsctl: Command, parts: list[Path]) -> None:
    with Path("/dev/full").open("wb") as full:
        process = kvsctl.start("report", "merge", *parts, stdout=full)
        assert process.wait(60) == 5


def test_a_report_that_is_missing_has_advice(kvsctl: Command, tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    ended = kvsctl("report", "merge", path, status=2)
    assert f"cannot read {path}: No such file or directory".encode() in ended.err
    assert b"Give it the files that --report wrote, or - for stdin." in ended.err
