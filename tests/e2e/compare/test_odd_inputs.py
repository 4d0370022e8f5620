"""diff of files that are wrong, empty, or hold unusual values."""

import json
from pathlib import Path

import pytest

from tests.support.commands.command import Command, records_file

pytestmark = pytest.mark.slow


def test_lines_that_are_wrong_in_both_files_fail(kvsctl: Command, tmp_path: Path) -> None:
    left, right = tmp_path / "l.jsonl", tmp_path / "r.jsonl"
    left.write_bytes(b'no record\n{"key":"a","value":1}\n{"key":"b"}\n')
    right.write_bytes(b'nor this\n{"key":"a","value":1}\n{"value":2}\n')
    ended = kvsctl("diff", "-f", left, "--with", right, "--json", status=1)
    assert (ended.report["equal"], ended.report["failed"]) == (1, 4)
    assert [note["source"] for note in ended.report["failures"]] == [
        f"{left}:1", f"{right}:1", f"{left}:3", f"{right}:3",
    ]  # fmt: skip
    people = kvsctl("diff", "-f", left, "--with", right, status=1)
    assert b"4 failed" in people.err


@pytest.mark.parametrize(
    "words",
    [
        ("-f", "empty", "--with", "empty"),
        ("-f", "empty", "-t", "local"),
        ("-t", "local"),
        ("-f", "empty", "-t", "local", "nothing:"),
        ("--with", "empty"),
    ],
)
def test_nothing_to_compare_is_said(
    kvsctl: Command, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "empty").touch()
    kvsctl("set", "-q", "-t", "local", "a=1", status=0)
    ended = kvsctl("diff", *words, stdin=b"", folder=tmp_path, status=0)
    assert b"kvsctl: no records were compared\n" in ended.err
    assert kvsctl("diff", "-q", *words, stdin=b"", folder=tmp_path, status=0).err == b""


@pytest.mark.parametrize("command", ["diff", "sync"])
def test_a_source_that_is_unknown_is_named_by_its_option(kvsctl: Command, command: str) -> None:
    words = (command, "-t", "local", "--all", "--from")
    assert b'--from: unknown target "nowhere"' in kvsctl(*words, "nowhere", status=2).err
    assert b"--from is empty" in kvsctl(*words, "", status=2).err


def test_a_source_may_be_reached_by_http_if_that_is_allowed(kvsctl: Command) -> None:
    words = ("diff", "-t", "local", "--from", "http://h.example")
    assert b"http:// to h.example is refused" in kvsctl(*words, status=2).err
    assert b"has no token" in kvsctl(*words, "--allow-http", status=2).err


def test_two_words_are_not_two_prefixes(kvsctl: Command, tmp_path: Path) -> None:
    for name in ("a", "b"):
        records_file(tmp_path / name, [{"key": "k", "value": 1}])
    refused = kvsctl("diff", "a", "b", folder=tmp_path, status=2)
    assert b"kvsctl diff -f a --with b" in refused.err
    assert b"kvsctl diff -f a" in kvsctl("diff", "a", folder=tmp_path, status=2).err
    assert b"\nUsage: kvsctl diff [OPTIONS] [PREFIX]\n" in kvsctl("diff", "-h", status=0).out
    assert b"one PREFIX" in kvsctl("diff", "user:", "page:", folder=tmp_path, status=2).err


def test_long_texts_are_shown_where_they_differ(kvsctl: Command, tmp_path: Path) -> None:
    long = "x" * 5_000
    left = records_file(tmp_path / "l", [{"key": "a", "value": f"{long}-left-{long}"}])
    right = records_file(tmp_path / "r", [{"key": "a", "value": f"{long}-right-{long}"}])
    shown = kvsctl("diff", "-f", left, "--with", right, "--as", "text", status=1).out.decode()
    (line,) = [one for one in shown.splitlines() if "->" in one]
    before, after = line.split(" -> ")
    assert "x-left-x" in before
    assert "x-right-x" in after
    assert len(line) < 200


def test_values_of_unusual_sizes_are_compared(kvsctl: Command, tmp_path: Path) -> None:
    deep = "[" * 3_000 + "{}" + "]" * 3_000
    for name, big in (("l", 1), ("r", 2)):
        text = '{"key":"deep","value":%s}\n{"key":"long","value":"%s%d"}\n'
        (tmp_path / name).write_text(text % (deep, "é" * 2_000_000, big))
    ended = kvsctl("diff", "-f", tmp_path / "l", "--with", tmp_path / "r", "--json", status=1)
    assert ended.report["failed"] in (0, 2)
    assert ended.report["changed"] == 1
    assert len(json.loads(ended.out)["left"]) == 2_000_001
