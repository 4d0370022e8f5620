"""`set --changed-only` and `set --if-absent`, by the command against the emulator."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands.command import Command, records_file
from tests.support.commands.serving import serving

pytestmark = pytest.mark.slow


def _values(command: Command, *keys: str) -> list[Any]:
    return [line["value"] for line in command("get", *keys, status=0).lines]


def _written(command: Command, *keys: str) -> list[int]:
    """Return when each record was last written."""
    got = command("get", "--metadata", *keys, status=0)
    return [line["updatedAt"] for line in got.lines]


def test_changed_only_writes_what_differs(target: Command, tmp_path: Path) -> None:
    target("set", 'same={"a":1,"b":[2.0]}', "other=1", status=0)
    before = _written(target, "same")
    path = records_file(
        tmp_path / "in.jsonl",
        [
            {"key": "same", "value": {"b": [2], "a": 1.0}},
            {"key": "other", "value": 2},
            {"key": "new", "value": 3},
        ],
    )
    report = target("set", "-f", path, "--changed-only", "--json", status=0).report
    assert (report["succeeded"], report["skipped_by"]) == (2, {"unchanged": 1})
    assert report["units"] == {"read": 1, "write": 1}
    assert _values(target, "other", "new") == [2, 3]
    assert _written(target, "same") == before
    again = target("set", "-f", path, "--changed-only", "--json", status=0).report
    assert (again["skipped"], again["units"]) == (3, {"read": 1, "write": 0})
    text = target("set", "-f", path, "--changed-only", "--bytes", "--json", status=0).report
    assert (text["succeeded"], text["skipped"]) == (1, 2)


def test_changed_only_writes_every_record_that_asks_for_a_ttl_or_would_expire(
    target: Command,
) -> None:
    records = b'{"key":"a","value":1,"ttl":"1h"}\n{"key":"b","value":{},"entityName":"ent"}\n'
    for _ in range(2):
        report = target("set", "--changed-only", "--json", stdin=records, status=0).report
    assert (report["succeeded"], report["skipped"]) == (1, 1)
    report = target("set", "--changed-only", "a=1", "--json", status=0).report
    assert report["succeeded"] == 1
    assert "expireTime" not in target("get", "a", "--metadata", status=0).lines[0]


def test_what_cannot_be_read_fails_and_is_fed_back(kvsctl: Command, tmp_path: Path) -> None:
    failures = tmp_path / "failures.jsonl"
    with serving(kvsctl, "--faults", "seed=1,leave-out=1") as url:
        there = kvsctl.having(KVSCTL_URL=url)
        words = ("set", "a=1", "--changed-only", "--retries", "0", "--failures", failures, "--json")
        report = there(*words, status=1).report
    # A key that the answers leave out is written, as a missing one is.
    assert report["failures"][0]["code"] == "NO_ANSWER"
    with serving(kvsctl, "--faults", "seed=1,500=1") as url:
        there = kvsctl.having(KVSCTL_URL=url)
        report = there(*words, status=1).report
        assert report["units"] == {"read": 0, "write": 0}
    message = report["failures"][0]["message"]
    assert message.startswith("not written, because reading it first failed: ")
    line = json.loads(failures.read_bytes())
    assert (line["key"], line["value"]) == ("a", 1)
    report = kvsctl("set", "-t", "local", "-f", failures, "--changed-only", "--json").report
    assert report["succeeded"] == 1


def test_a_journal_counts_what_was_skipped(target: Command, tmp_path: Path) -> None:
    target("set", "a=1", status=0)
    path = records_file(tmp_path / "in.jsonl", [{"key": "a", "value": 1}, {"key": "b", "value": 2}])
    words = ("set", "-f", path, "--journal", tmp_path / "j", "--changed-only", "--json")
    for _ in range(2):
        report = target(*words, status=0).report
        assert (report["succeeded"], report["skipped_by"]) == (1, {"unchanged": 1})
    other = target(*words[:-2], status=2)
    assert b"--changed-only is not given, but was given when the journal was begun" in other.err


def test_if_absent_leaves_what_exists(target: Command) -> None:
    target("set", "a=1", status=0)
    report = target("set", "--if-absent", "a=2", "b=3", "--json", status=0).report
    assert (report["succeeded"], report["skipped_by"]) == (1, {"exists": 1})
    assert _values(target, "a", "b") == [1, 3]


def test_if_absent_exact_asks_the_service_one_by_one(target: Command) -> None:
    target("set", "a=1", status=0)
    records = b'{"key":"c","value":{"n":1},"entityName":"ent"}\n' * 2
    words = ("set", "--if-absent=exact", "a=2", "b=3", "-f", "-", "--json")
    report = target(*words, stdin=records, status=0).report
    assert (report["succeeded"], report["skipped_by"]) == (2, {"exists": 2})
    assert (report["requests"], report["units"]) == (4, {"read": 0, "write": 2})
    assert _values(target, "a", "b") == [1, 3]


def test_a_dry_run_names_reads_and_writes(kvsctl: Command) -> None:
    words = ("set", "-t", "local", "-n", "a=1", "b=2", "a=3")
    shown = kvsctl(*words, "--changed-only", status=0).err.decode()
    assert "would need 1 request to read, at least 1 read unit" in shown
    assert "then at most 1 request to write" in shown
    report = kvsctl(*words, "--changed-only", "--json", status=0).report
    assert (report["requests"], report["units"]) == (2, {"read": 1, "write": 1})
    exact = kvsctl(*words, "--if-absent=exact", "--json", status=0).report
    assert (exact["requests"], exact["units"]) == (3, {"read": 0, "write": 3})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--changed-only", "--if-absent"], "--changed-only and --if-absent exclude each other"),
        (["--if-absent=maybe"], '--if-absent: unknown value "maybe"'),
        (["--bytes"], "--bytes needs --changed-only"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    kvsctl: Command, words: list[str], message: str
) -> None:
    refused = kvsctl("set", "-t", "local", "a=1", *words, status=2)
    assert message in refused.err.decode()
