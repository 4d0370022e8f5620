"""diff on several installations: each is compared with a file, and all are added up."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.installations.support import ALL, container, exit_codes, lines_by_name
from tests.support.commands.command import Command, records_file

_NAMES = ("i1", "i2", "i3")
_FILES = "backup-{installation}.jsonl"


@pytest.fixture
def inside(kvsctl: Command, tmp_path: Path) -> Iterator[Command]:
    """Yield the command in an app with three stores, all alike, with an export of each."""
    records = [{"key": key, "value": {"n": 1}} for key in ("a:1", "a:2", "b:1")]
    with container(kvsctl, _NAMES) as command:
        command("set", *ALL, "-f", records_file(tmp_path / "in.jsonl", records), status=0)
        command("export", *ALL, "-o", tmp_path / _FILES, status=0)
        yield command


def _change(inside: Command) -> None:
    """Change a value in the second, and remove a key of the third, which gets another one."""
    inside("set", "-t", "container", "--installation", "i2", "a:1=2", status=0)
    inside("delete", "-t", "container", "--installation", "i3", "b:1", "--yes", status=0)
    inside("set", "-t", "container", "--installation", "i3", "a:3=3", status=0)


@pytest.mark.parametrize("selector", [(), ("--all",)])
def test_each_is_compared_with_a_file_of_its_own(
    inside: Command, tmp_path: Path, selector: tuple[str, ...]
) -> None:
    words = ("diff", *ALL, *selector, "-f", str(tmp_path / _FILES), "--json")
    same = inside(*words, status=0)
    assert same.out == b""
    assert exit_codes(json.loads(same.err)) == dict.fromkeys(_NAMES, 0)
    _change(inside)
    ended = inside(*words, status=1)
    found = [(one["installation"], one["change"], one["key"]) for one in ended.lines]
    added = [("i3", "added", "a:3")] if selector else []
    assert sorted(found) == [("i2", "changed", "a:1"), *added, ("i3", "missing", "b:1")]
    [changed] = [one for one in ended.lines if one["change"] == "changed"]
    assert (changed["left"], changed["right"]) == ({"n": 1}, 2)
    report = json.loads(ended.err.splitlines()[-1])
    assert exit_codes(report) == {"i1": 0, "i2": 1, "i3": 1}
    counts = ("equal", "added", "changed", "missing")
    lines = lines_by_name(report)
    assert [lines["i1"][name] for name in counts] == [3, 0, 0, 0]
    assert [lines["i2"][name] for name in counts] == [2, 0, 1, 0]
    assert [lines["i3"][name] for name in counts] == [2, len(added), 0, 1]
    assert [report[name] for name in counts] == [7, len(added), 1, 1]


def test_each_is_compared_with_the_same_file(inside: Command, tmp_path: Path) -> None:
    _change(inside)
    golden = tmp_path / "backup-i1.jsonl"
    ended = inside("diff", *ALL, "-f", golden, "a:", status=1)
    assert b"  i2  2 records, 1 equal, 1 changed, exit code 1\n" in ended.err
    assert b"  i3  3 records, 2 equal, 1 added, exit code 1\n" in ended.err
    assert b"  i1  2 records, 2 equal\n" in ended.err
    assert "5 equal · 1 added · 1 changed\n" in ended.err.decode()
    assert ended.err.endswith(b"kvsctl: 2 of 3 installations differ or failed\n")


def test_differences_go_to_a_file_of_each(inside: Command, tmp_path: Path) -> None:
    _change(inside)
    words = ("diff", *ALL, "-f", tmp_path / _FILES, "-o", tmp_path / "{installation}.keys")
    assert inside(*words, "--as", "keys", status=1).out == b""
    assert [(tmp_path / f"{name}.keys").read_text() for name in _NAMES] == ["", "a:1\n", "b:1\n"]


def test_one_that_is_refused_or_has_no_file_stops_no_other(kvsctl: Command, tmp_path: Path) -> None:
    records_file(tmp_path / "backup-i1.jsonl", [{"key": "a", "value": 1}])
    records_file(tmp_path / "backup-i2.jsonl", [{"key": "a", "value": 1}])
    with container(kvsctl, _NAMES, "--faults", "refuse-installation=i2:403") as inside:
        inside("set", "-t", "container", "--installation", "i1", "a=1", status=0)
        ended = inside("diff", *ALL, "-f", tmp_path / _FILES, "--json", status=1)
    report = json.loads(ended.err.splitlines()[-1])
    assert exit_codes(report) == {"i1": 0, "i2": 3, "i3": 2}
    assert "backup-i3.jsonl" in lines_by_name(report)["i3"]["error"]


def test_a_canary_that_differs_is_the_last(inside: Command, tmp_path: Path) -> None:
    words = ("diff", *ALL, "-f", tmp_path / "backup-i1.jsonl", "--canary", "1", "--json")
    inside("set", "-t", "container", "--installation", "i1", "a:1=2", status=0)
    report = json.loads(inside(*words, status=4).err.splitlines()[-1])
    assert exit_codes(report) == {"i1": 1, "i2": None, "i3": None}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-f", "IN", "-o", "one"), "-o one: several installations cannot write to one file"),
        (("-f", "IN", "--as", "text"), "--as text does not say which installation a record is of"),
        (("-f", "-"), "stdin can be read only once"),
        (("-f", "IN", "--with", "IN"), "--with compares files, and installations are stores"),
        (("-f", "IN", "--ledger", "l"), "--ledger notes what was changed"),
    ],
)
def test_what_has_no_sense_on_several_is_refused(
    inside: Command, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    given = [str(tmp_path / "backup-i1.jsonl") if word == "IN" else word for word in words]
    assert said in inside("diff", *ALL, *given, status=2).err.decode()


def test_what_is_only_for_several_is_refused_for_one(inside: Command, tmp_path: Path) -> None:
    words = ("diff", "-t", "container", "--installation", "i1", "-f", tmp_path / "backup-i1.jsonl")
    inside(*words, status=0)
    assert b"--canary is for several installations" in inside(*words, "--canary", "1", status=2).err
