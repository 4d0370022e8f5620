"""`--shard I/N` of the commands that list: the parts are the whole, and none overlaps another."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from kvsctl.emulator import embedded
from kvsctl.journal.file import read_journal
from tests.support.commands.command import Command, records_file
from tests.support.commands.server import served

pytestmark = pytest.mark.slow

_PARTS = 3
_COUNT = 250
_BOTH = ("--entity", "city", "--plain")
_SHARDS = [f"{number}/{_PARTS}" for number in range(1, _PARTS + 1)]
_Key: TypeAlias = tuple[str | None, str]
_KEYS: list[_Key] = [("city" if number % 3 else None, f"k:{number:03}") for number in range(_COUNT)]


@pytest.fixture(name="url")
def _url(kvsctl: Command, tmp_path: Path) -> Iterator[str]:
    """The URL of a store of plain records and records of an entity."""
    records = [
        {"key": key, "value": {"n": key}} | ({} if entity is None else {"entityName": entity})
        for entity, key in _KEYS
    ]
    with served(embedded(tmp_path / "store.db")) as url:
        path = records_file(tmp_path / "in.jsonl", records)
        kvsctl("set", "--url", url, "-f", path, status=0)
        yield url


def _keys(lines: bytes) -> list[_Key]:
    records = [json.loads(line) for line in lines.splitlines()]
    return [(record.get("entityName"), record["key"]) for record in records]


def _is_the_whole(parts: list[list[_Key]]) -> bool:
    keys = [key for part in parts for key in part]
    return all(parts) and sorted(keys, key=str) == sorted(_KEYS, key=str)


@pytest.mark.parametrize(
    "words",
    [
        ["list", "--as", "jsonl"],
        ["list", "--as", "jsonl", "--unordered", "--consistent"],
        ["export"],
        ["export", "--consistent"],
        ["export", "--newer-than", "1h"],
    ],
)
def test_of_what_is_printed(kvsctl: Command, url: str, words: list[str]) -> None:
    parts = [kvsctl(*words, "--url", url, *_BOTH, "--shard", one, status=0) for one in _SHARDS]
    assert _is_the_whole([_keys(part.out) for part in parts])


def test_a_part_is_that_of_the_other_commands(kvsctl: Command, url: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.jsonl"
    path.write_bytes(kvsctl("list", "--url", url, *_BOTH, "--as", "jsonl", status=0).out)
    for shard in _SHARDS:
        given = ("--url", url, "--shard", shard)
        got = kvsctl("get", "-f", path, *given, status=0)
        exported = kvsctl("export", *_BOTH, *given, "-c", "1", status=0)
        assert sorted(_keys(got.out), key=str) == sorted(_keys(exported.out), key=str)


def test_the_first_keys_of_a_part(kvsctl: Command, url: str) -> None:
    words = ("list", "--url", url, "--shard", "2/3")
    whole = kvsctl(*words, status=0).out.splitlines()
    assert kvsctl(*words, "--limit", "5", status=0).out.splitlines() == whole[:5]
    assert int(kvsctl(*words, "--count", status=0).out) == len(whole)


def test_of_sums(kvsctl: Command, url: str) -> None:
    words = ("du", "--url", url, *_BOTH, "--as", "json")
    (whole,) = kvsctl(*words, status=0).lines
    parts = [kvsctl(*words, "--shard", one, status=0).lines[0] for one in _SHARDS]
    for member in ("keys", "bytes"):
        assert sum(part[member] for part in parts) == whole[member]
        assert all(0 < part[member] < whole[member] for part in parts)


def test_of_comparisons(kvsctl: Command, url: str, tmp_path: Path) -> None:
    left, right = tmp_path / "left.jsonl", tmp_path / "right.jsonl"
    left.write_bytes(kvsctl("export", "--url", url, *_BOTH, status=0).out)
    right.write_bytes(b"")
    with served(embedded(tmp_path / "empty.db")) as empty:
        for words in (
            ("-f", left, "--with", right),
            ("-f", left, "--url", empty),
            ("-f", left, "--url", empty, "--all", *_BOTH),
            ("--from", url, "--url", empty, *_BOTH),
            ("--from", url, "--with", right, *_BOTH),
        ):
            parts, counts = [], 0
            for shard in _SHARDS:
                given = (*words, "--shard", shard, "--as", "jsonl", "--json")
                compared = kvsctl("diff", *given, status=1)
                parts.append(_keys(compared.out))
                counts += compared.report["missing"]
                assert compared.report["shard"] == shard
            assert _is_the_whole(parts), words
            assert counts == _COUNT


def test_of_a_sync_and_its_plan(kvsctl: Command, url: str, tmp_path: Path) -> None:
    with served(embedded(tmp_path / "target.db")) as other:
        target = kvsctl.having(KVSCTL_URL=other)
        gone = [f"copy:gone:{number}" for number in range(30)]
        target("set", *(f"{key}=1" for key in gone), status=0)
        words = (
            "sync",
            "-y",
            "--from",
            url,
            "--all",
            *_BOTH,
            "--key-template",
            "copy:{key}",
            "--json",
        )
        reports, planned = [], []
        for number, shard in enumerate(_SHARDS):
            plan = tmp_path / f"plan-{number}"
            reports.append(target(*words, "--shard", shard, "--plan", plan, status=0).report)
            planned += [json.loads(line)["key"] for line in plan.read_bytes().splitlines()]
        assert [report["shard"] for report in reports] == _SHARDS
        assert sum(report["succeeded"] for report in reports) == _COUNT
        assert all(0 < report["planned"] < 30 for report in reports)
        assert sorted(planned) == sorted(gone)


def test_manifests_and_journals_name_the_part(kvsctl: Command, url: str, tmp_path: Path) -> None:
    output = tmp_path / "part.jsonl"
    words = ("export", "--url", url, "-o", output, "--journal", tmp_path / "j")
    assert kvsctl(*words, "--shard", "2/3", "--json", status=0).report["shard"] == "2/3"
    manifest = json.loads((tmp_path / "part.jsonl.manifest.json").read_bytes())
    assert manifest["selection"] == {"shard": "2/3"}
    kvsctl("verify", output, status=0)
    header = read_journal(tmp_path / "j").header
    assert header is not None
    assert header.form["shard"] == header.input[0]["selection"]["shard"] == "2/3"


@pytest.mark.parametrize("command", ["list", "export", "du", "diff", "sync"])
def test_what_is_not_a_part_is_refused(kvsctl: Command, command: str) -> None:
    words = ["--from", "http://127.0.0.1:1", "--all"] if command == "sync" else []
    refused = kvsctl(command, "-t", "local", *words, "--shard", "4/3", status=2)
    assert b'--shard "4/3": not one of N parts' in refused.err
