"""--workers N: the parts together are the whole, in one report, with files of their own."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from kvsctl.report.merging.checked import checked_report
from tests.support.commands.command import Command, Ended, records_file
from tests.support.commands.serving import serving

_COUNT = 120


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return records_file(
        tmp_path / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(_COUNT)]
    )


def _keys(served: Command) -> set[str]:
    return set(served("list", status=0).out.decode().split())


def _read(*paths: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in paths:
        for line in path.read_text("utf-8").splitlines():
            record = json.loads(line)
            assert record["key"] not in found
            found[record["key"]] = record["value"]
    return found


def _failing(ended: Ended, message: str) -> None:
    assert ended.status == 2
    assert ended.out == b""
    assert message in ended.err.decode()


def test_the_parts_of_a_file_are_the_whole(served: Command, records: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    ended = served.process(
        *("set", "-f", records, "--workers", "2", "--json", "--report", report), status=0
    )
    assert _keys(served) == {f"k{n}" for n in range(_COUNT)}
    assert ended.report == json.loads(report.read_bytes())
    assert checked_report(ended.report, "the sum") == ended.report
    assert (ended.report["records"], ended.report["succeeded"]) == (_COUNT, _COUNT)
    assert "shard" not in ended.report
    assert ended.report["parts"] == [
        {"part": f"shard {shard}", "exit_code": 0, "has_report": True} for shard in ("1/2", "2/2")
    ]


def test_a_shard_is_divided_into_parts_of_its_own(
    served: Command, records: Path, tmp_path: Path
) -> None:
    """So 1/2 and 2/2 on two machines, with two workers each, are the whole without overlap."""
    parts = []
    for shard in ("1/2", "2/2"):
        ended = served.process(
            *("set", "-f", records, "--shard", shard, "--workers", "2", "--json"),
            *("--journal", tmp_path / "journal-{shard}"),
            status=0,
        )
        parts.append(ended.report["records"])
    assert sum(parts) == _COUNT
    assert min(parts) > 0
    assert len(_keys(served)) == _COUNT
    names = sorted(path.name for path in tmp_path.glob("journal-*"))
    assert names == ["journal-1", "journal-2", "journal-3", "journal-4"]


def test_records_are_printed_to_a_file_per_part(
    served: Command, records: Path, tmp_path: Path
) -> None:
    served("set", "-f", records, status=0)
    output = tmp_path / "out-{shard}.jsonl"
    served.process(
        *("get", "-f", records, "--format", "jsonl", "--unordered", "--workers", "2"),
        *("-o", output),
        status=0,
    )
    whole = {f"k{n}": n for n in range(_COUNT)}
    assert _read(tmp_path / "out-1.jsonl", tmp_path / "out-2.jsonl") == whole
    ended = served.process(
        "export", "--workers", "2", "-o", tmp_path / "all-{shard}.jsonl", "--json", status=0
    )
    assert _read(tmp_path / "all-1.jsonl", tmp_path / "all-2.jsonl") == whole
    assert ended.report["succeeded"] == _COUNT
    served("verify", tmp_path / "all-1.jsonl", status=0)


def test_a_clean_up_needs_consent_beforehand(served: Command, records: Path) -> None:
    served("set", "-f", records, status=0)
    words = ("delete", "--prefix", "k1", "--workers", "2")
    _failing(served(*words), "--workers: the parts cannot ask")
    assert len(_keys(served)) == _COUNT
    served.process(*words, "-y", status=0)
    assert _keys(served) == {f"k{n}" for n in range(_COUNT) if not str(n).startswith("1")}


def test_expire_and_clean_work_in_parts(served: Command, records: Path, tmp_path: Path) -> None:
    served("set", "-f", records, status=0)
    words = ("expire", "k1", "--ttl", "7d", "--workers", "2")
    _failing(served(*words), "--workers: the parts cannot ask")
    found = served.process(*words, "-y", "--json", status=0).report
    begins = {f"k{n}" for n in range(_COUNT) if str(n).startswith("1")}
    assert (found["records"], found["succeeded"]) == (len(begins), len(begins))
    shown = served("list", "--long", "--as", "jsonl", status=0).lines
    assert {one["key"] for one in shown if one.get("expireTime")} == begins
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rules]]\nname = "one"\nprefix = "k1"\naction = "delete"\nkeep_last = 3\n')
    report = served.process("clean", "-f", rules, "--workers", "2", "-y", "--json", status=0).report
    assert report["succeeded"] == len(begins) - 3
    assert len(_keys(served)) == _COUNT - len(begins) + 3
    rules.write_text('[[rules]]\nname = "one"\nprefix = "k1"\naction = "delete"\nmax_delete = 3\n')
    _failing(served("clean", "-f", rules, "--workers", "2", "-y"), "the limits of rules count all")


def test_failures_have_files_of_their_own_and_one_table(served: Command, tmp_path: Path) -> None:
    lines = [{"key": f"k{n}", "value": n} for n in range(20)]
    path = records_file(tmp_path / "in.jsonl", [*lines, {"key": "a"}, {"key": "b"}])
    failures = tmp_path / "failed-{shard}.jsonl"
    ended = served.process("set", "-f", path, "--workers", "2", "--failures", failures, status=1)
    failed = [(tmp_path / f"failed-{n}.jsonl").read_text("utf-8") for n in (1, 2)]
    assert sum(text.count("\n") for text in failed) == 2
    text = ended.err.decode()
    assert "22 records" in text
    assert "    2   INVALID_JSON" in text


def test_a_resumed_job_is_the_sum_of_what_its_journals_hold(
    served: Command, records: Path, tmp_path: Path
) -> None:
    words = ("set", "-f", records, "--journal", tmp_path / "{shard}.journal", "--json")
    first = served.process(*words, "--workers", "2", status=0).report
    again = served.process(*words, "--workers", "2", status=0).report
    assert again["records"] == again["succeeded"] == first["records"]
    changed = served.process(*words, "--workers", "3")
    assert changed.status == 2
    assert "journal" in changed.err.decode()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["set", "a=1"], "--workers divides files and stores, not arguments"),
        (["set"], "--workers: stdin can be read only once"),
        (["set", "-f", "-"], "--workers: stdin can be read only once"),
        (["get", "-f", "IN", "-o", "{shard}"], "not in the order of the input"),
        (["get", "-f", "IN", "--unordered"], "the parts cannot share stdout"),
        (["export"], "the parts cannot share stdout"),
        (["get", "-f", "IN", "--unordered", "-o", "out"], "-o out: with --workers each part needs"),
        (["set", "-f", "IN", "--journal", "j"], "--journal j: with --workers each part needs"),
        (["set", "-f", "IN", "--failures", "j"], "--failures j: with --workers each part needs"),
        (["set", "-f", "IN", "--check-first"], "--check-first checks the whole input"),
        (["set", "-f", "IN", "--check-first"], "Leave out --check-first or --workers."),
        (["set", "-f", "IN", "--max-failures", "3"], "--max-failures counts all records"),
        (["delete", "--all", "-y", "--max-delete", "3"], "--max-delete counts all records"),
        (["delete", "--all", "-n"], "--dry-run shows what one process finds"),
        (["delete", "--all", "--plan", "p"], "--plan writes one file, in key order"),
        (["set", "-f", "IN", "-v"], "-v shows the requests of one process"),
        (["set", "-f", "missing.jsonl"], "missing.jsonl"),
        (["set", "-f", "IN", "--shard", "1/999999"], "1,999,998 parts are too many"),
    ],
)
def test_what_has_no_meaning_in_parts_is_refused(
    served: Command, records: Path, words: list[str], message: str
) -> None:
    given = [str(records) if word == "IN" else word for word in words]
    _failing(served(*given, "--workers", "2"), message)
    assert _keys(served) == set()


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["delete", "--prefix", "k", "-y"], "Add --journal, or leave out"),
        (["expire", "k1", "--ttl", "7d", "-y"], "Leave out --dask: processes"),
    ],
)
def test_a_cluster_gets_no_part_that_must_not_be_repeated(
    served: Command, words: list[str], hint: str
) -> None:
    """The hint names --journal only to commands that have it."""
    ended = served(*words, "--workers", "2", "--dask", "tcp://127.0.0.1:9")
    _failing(ended, "--dask: a cluster may carry out a part twice")
    assert hint in ended.err.decode()


def test_a_target_that_no_worker_reaches_is_reported_for_each(
    kvsctl: Command, records: Path
) -> None:
    ended = kvsctl.process(
        *("set", "-f", records, "--url", "http://127.0.0.1:9", "--workers", "2", "--retries", "0"),
        *("--give-up-after", "1"),
        status=4,
    )
    lines = ended.err.decode()
    for shard in ("1/2", "2/2"):
        assert f"kvsctl: shard {shard}: gave up" in lines


def test_failures_of_all_parts_are_retried_by_one_line(
    kvsctl: Command, records: Path, tmp_path: Path
) -> None:
    with serving(kvsctl, "--faults", "only=batch/set,500=1,first=2") as url:
        served = kvsctl.having(KVSCTL_URL=url)
        words = ("--journal", tmp_path / "j-{shard}", "--retries", "0", "-c", "1")
        failed = served.process("set", "-f", records, "--workers", "2", *words, status=1)
        lines = failed.err.decode().splitlines()
        (line,) = [one for one in lines if one.startswith("  kvsctl ")]
        pasted = shlex.split(line)
        assert pasted[-1] == "--retry-failed"
        kvsctl.process(*pasted[1:], status=0)
        assert _keys(served) == {f"k{n}" for n in range(_COUNT)}


@pytest.mark.parametrize("suffix", ["", ".jsonl"])
def test_the_failures_files_of_the_parts_are_read_by_one_line(
    kvsctl: Command, tmp_path: Path, records: Path, suffix: str
) -> None:
    """Files of parts in which nothing failed are not in it."""
    failures = tmp_path / f"f-{{shard}}{suffix}"
    with serving(kvsctl, "--faults", "only=batch/set,500=1,first=2") as url:
        words = ("set", "--url", url, "-f", records, "--workers", "3", "--retries", "0")
        few = ("-c", "1", "--shard", "1/1")
        ended = kvsctl.process(*words, *few, "--failures", failures, status=1)
        assert f"Failed records are in {failures}. To retry what failed:" in ended.err.decode()
        files = [tmp_path / f"f-{number}{suffix}" for number in (1, 2, 3)]
        read = [word for file in files if file.stat().st_size for word in ("-f", str(file))]
        assert 2 <= len(read) <= 4
        (pasted,) = _pasted(ended)
        named = [] if suffix else ["--format", "jsonl"]
        start = ["kvsctl", "set", "--url", url, "-c", "1", "--retries", "0"]
        assert pasted == [*start, *named, *read]
        kvsctl(*pasted[1:], status=0)
        assert _keys(kvsctl.having(KVSCTL_URL=url)) == {f"k{n}" for n in range(_COUNT)}


def test_lines_of_parts_that_could_not_be_read_are_written_first(
    served: Command, tmp_path: Path
) -> None:
    (tmp_path / "in.jsonl").write_text('{"key":"b","value":1}\n{"key":"a"\n', "utf-8")
    words = ("set", "-f", tmp_path / "in.jsonl", "--workers", "2", "--ttl", "7d")
    ended = served.process(*words, "--failures", tmp_path / "f-{shard}.jsonl", status=1)
    said = f'Failed records are in {tmp_path}/f-{{shard}}.jsonl: write the lines with "raw" as'
    assert f"{said} records first.\nTo retry what failed:\n" in ended.err.decode()
    (pasted,) = _pasted(ended)
    assert pasted[pasted.index("--ttl") : pasted.index("-f")] == ["--ttl", "7d"]


def test_parts_without_failures_files_can_be_repeated_with_them(
    served: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.jsonl").write_text('{"key":"b","value":1}\n{"key":"a"\n', "utf-8")
    (tmp_path / "failed-1.jsonl").touch()
    ended = served.process("set", "-f", "in.jsonl", "--workers", "2", status=1)
    assert b"To send all of it again and keep what fails:\n" in ended.err
    (pasted,) = _pasted(ended)
    assert pasted[-2:] == ["--failures", "failed-{shard}-2.jsonl"]
    again = served.process(*pasted[1:], status=1)
    assert b"Failed records are in failed-{shard}-2.jsonl" in again.err


def _pasted(ended: Ended) -> list[list[str]]:
    lines = ended.err.decode().splitlines()
    return [shlex.split(line) for line in lines if line.startswith("  kvsctl ")]


def test_a_lock_is_held_for_all_parts(served: Command, records: Path, tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    served.process("set", "-f", records, "--workers", "2", "--lock", lock, status=0)
    assert lock.exists()
