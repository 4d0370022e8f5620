"""verify on several installations: the export of each, by its manifest and against its store."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.installations.support import ALL, container, exit_codes, lines_by_name
from tests.support.commands.command import Command, records_file

_NAMES = ("i1", "i2", "i3")
_FILES = "backup-{installation}.jsonl"
_NAMED = ("--installation", "i1", "--installation", "i2", "--installation", "i3")
_AGAINST = ("--against", "container", "--all-installations")


@pytest.fixture
def inside(kvsctl: Command, tmp_path: Path) -> Iterator[Command]:
    """Yield the command in an app with three stores, and with an export of each."""
    records = [{"key": key, "value": {"n": 1}} for key in ("a:1", "a:2", "b:1")]
    with container(kvsctl, _NAMES) as command:
        command("set", *ALL, "-f", records_file(tmp_path / "in.jsonl", records), status=0)
        command("export", *ALL, "-o", tmp_path / _FILES, status=0)
        yield command


def _damage(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"n": 1', b'"n": 2', 1))


def test_each_is_checked_and_compared_with_its_store(inside: Command, tmp_path: Path) -> None:
    words = ("verify", tmp_path / _FILES, *_AGAINST, "--json")
    report = inside(*words, status=0).report
    assert (report["command"], report["equal"], report["records"]) == ("verify", 9, 9)
    assert exit_codes(report) == dict.fromkeys(_NAMES, 0)
    inside("set", "-t", "container", "--installation", "i2", "a:1=2", status=0)
    inside("delete", "-t", "container", "--installation", "i3", "b:1", "--yes", status=0)
    inside("set", "-t", "container", "--installation", "i1", "more=1", status=0)
    report = inside(*words, status=1).report
    assert exit_codes(report) == {"i1": 0, "i2": 1, "i3": 1}
    lines = lines_by_name(report)
    assert (lines["i2"]["changed"], lines["i3"]["missing"], lines["i1"]["equal"]) == (1, 1, 3)
    assert (report["changed"], report["missing"], report["equal"]) == (1, 1, 7)


def test_records_that_differ_are_named_with_their_installation(
    inside: Command, tmp_path: Path
) -> None:
    inside("set", "-t", "container", "--installation", "i2", "a:1=2", status=0)
    inside("delete", "-t", "container", "--installation", "i3", "b:1", "--yes", status=0)
    _damage(tmp_path / "backup-i1.jsonl")
    words = ("verify", tmp_path / _FILES, *_AGAINST)
    lines = lines_by_name(inside(*words, "--json", status=1).report)
    assert lines["i2"]["different"] == [{"change": "changed", "key": "a:1"}]
    assert lines["i3"]["different"] == [{"change": "missing", "key": "b:1"}]
    assert [lines[name]["matches"] for name in _NAMES] == [False, True, True]
    assert "its records have changed" in lines["i1"]["damage"]
    assert (lines["i2"]["damage"], "different" in lines["i1"]) == (None, False)
    text = inside(*words, status=1).err.decode()
    assert "\nchanged   i2  a:1\nmissing   i3  b:1\n" in text
    assert "more: --json" not in text


def test_at_most_ten_records_that_differ_are_named(kvsctl: Command, tmp_path: Path) -> None:
    records = [{"entityName": "order", "key": f"k{n}", "value": {"n": 1}} for n in range(10, 22)]
    with container(kvsctl, _NAMES[:2]) as inside:
        inside("set", *ALL, "-f", records_file(tmp_path / "in.jsonl", records), status=0)
        inside("export", *ALL, "--entity", "order", "-o", tmp_path / _FILES, status=0)
        inside("delete", *ALL, "-f", tmp_path / "in.jsonl", "--yes", status=0)
        words = ("verify", tmp_path / _FILES, *_AGAINST)
        text = inside(*words, status=1).err.decode()
        assert text.count("missing   i") == 10
        assert "missing   i1  k10 (order)\n" in text
        assert "and 14 more: --json names up to 10 of each installation" in text
        lines = lines_by_name(inside(*words, "--json", status=1).report)
    for line in lines.values():
        assert [one["entityName"] for one in line["different"]] == ["order"] * 10


def test_a_missing_or_altered_file_stops_no_other(inside: Command, tmp_path: Path) -> None:
    _damage(tmp_path / "backup-i1.jsonl")
    (tmp_path / "backup-i2.jsonl").unlink()
    for words in (_AGAINST, _NAMED):
        ended = inside("verify", tmp_path / _FILES, *words, status=1)
        said = ended.err.decode()
        assert "  i1  0 records, exit code 1: its records have changed: sha256 is " in said
        assert f"exit code 2: cannot read {tmp_path}/backup-i2.jsonl: not a file" in said
        assert "  i3  3 records, 3 " in said
        assert "2 of 3 installations " in said
        assert ended.out == b""


def test_all_files_may_be_missing(inside: Command, tmp_path: Path) -> None:
    report = inside("verify", tmp_path / "no-{installation}", *_AGAINST, "--json", status=2).report
    assert exit_codes(report) == dict.fromkeys(_NAMES, 2)


@pytest.mark.usefixtures("inside")
def test_without_a_target_no_store_is_asked(kvsctl: Command, tmp_path: Path) -> None:
    listed = tmp_path / "installations.jsonl"
    listed.write_text("".join(f'{{"installation":"{name}"}}\n' for name in _NAMES))
    words = ("verify", tmp_path / _FILES, "--installations-file", listed)
    report = kvsctl(*words, "--json", status=0).report
    assert (report["target"], report["records"], report["requests"]) == ("files", 9, 0)
    (tmp_path / "backup-i3.jsonl.manifest.json").unlink()
    assert b"backup-i3.jsonl has no manifest" in kvsctl(*words, status=1).err


def test_an_export_of_another_installation_is_a_failure(inside: Command, tmp_path: Path) -> None:
    for end in ("jsonl", "jsonl.manifest.json"):
        (tmp_path / f"backup-i1.{end}").replace(tmp_path / f"backup-i2.{end}")
    ended = inside("verify", tmp_path / _FILES, *_AGAINST, status=1)
    assert b"  i2  0 records, exit code 1: it is an export of installation i1\n" in ended.err


def test_one_that_is_refused_stops_no_other(kvsctl: Command, tmp_path: Path) -> None:
    with container(kvsctl, _NAMES) as command:
        command("set", *ALL, "a=1", status=0)
        command("export", *ALL, "-o", tmp_path / _FILES, status=0)
    with container(kvsctl, _NAMES, "--faults", "refuse-installation=i2:403") as inside:
        words = ("verify", tmp_path / _FILES, *_AGAINST, "--json")
        report = inside(*words, status=1).report
        assert exit_codes(report) == {"i1": 1, "i2": 3, "i3": 1}
        assert "FORBIDDEN" in lines_by_name(report)["i2"]["error"]


def test_a_sample_is_compared(inside: Command, tmp_path: Path) -> None:
    words = ("verify", tmp_path / _FILES, *_AGAINST, "--sample", "1/2", "--json")
    report = inside(*words, status=0).report
    assert report["equal"] < 9
    canary = inside(*words, "--canary", "1", "--stop-after-failed-installations", "1", status=0)
    assert json.loads(canary.out)["equal"] == report["equal"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("one.jsonl", *_AGAINST), "several installations cannot share one export"),
        ((_FILES, "--all-installations"), "--all-installations needs a target that lists them"),
        ((_FILES, *_AGAINST, "--ledger", "l"), "--ledger notes what was changed"),
        ((_FILES, *_NAMED, "--sample", "1/2"), "--sample needs"),
        (("one.jsonl", "--canary", "1"), "--canary is for several installations"),
    ],
)
def test_what_has_no_sense_is_refused(
    inside: Command, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    name, *rest = words
    assert said in inside("verify", tmp_path / name, *rest, status=2).err.decode()


def test_one_installation_is_named(inside: Command, tmp_path: Path) -> None:
    words = ("verify", tmp_path / "backup-i1.jsonl")
    inside(*words, "--against", "container", "--installation", "i1", status=0)
    named = ("verify", tmp_path / _FILES, "--against", "container", "--installation", "i1")
    assert b"backup-i1.jsonl matches its manifest" in inside(*named, status=0).out
    assert b"--installation needs a target" in inside(*words, "--installation", "i1", status=2).err
