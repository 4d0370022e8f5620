"""`kvsctl diff` of files with files."""

import gzip
import json
import stat
import subprocess
from pathlib import Path
from random import Random

import pytest

from tests.backups.exports import write_export
from tests.support.commands.command import Command, records_file
from tests.support.commands.pseudo_terminal import in_terminal
from tests.support.needs import IS_POSIX, only_on

pytestmark = pytest.mark.slow

_LEFT = [
    {"key": "same", "value": {"a": 1, "b": [2]}},
    {"key": "changed", "value": {"name": "a"}},
    {"key": "missing", "value": 1, "ttl": "1h"},
    {"key": "k", "entityName": "city", "value": {"n": 1}},
]
_RIGHT = [
    {"key": "k", "entityName": "city", "value": {"n": 1.0}},
    {"key": "changed", "value": {"name": "b"}},
    {"key": "added", "value": 2},
    {"key": "same", "value": {"b": [2.0], "a": 1}, "ttl": "7d"},
]


@pytest.fixture(name="files")
def _files(tmp_path: Path) -> tuple[Path, Path]:
    return (
        records_file(tmp_path / "left.jsonl", _LEFT),
        records_file(tmp_path / "right.jsonl", _RIGHT),
    )


def test_differences_are_printed_in_order(kvsctl: Command, files: tuple[Path, Path]) -> None:
    left, right = files
    shown = kvsctl("diff", "-f", left, "--with", right, "--json", status=1)
    assert shown.lines == [
        {"change": "added", "key": "added", "right": 2},
        {"change": "changed", "key": "changed", "left": {"name": "a"}, "right": {"name": "b"}},
        {"change": "missing", "key": "missing", "left": 1},
    ]
    report = shown.report
    counts = {name: report[name] for name in ("equal", "added", "changed", "missing")}
    assert counts == {"equal": 2, "added": 1, "changed": 1, "missing": 1}
    assert (report["records"], report["exit_code"]) == (5, 1)
    assert kvsctl("diff", "-f", left, "--with", left, status=0).out == b""


def test_a_quiet_comparison_prints_only_what_differs(
    kvsctl: Command, files: tuple[Path, Path], tmp_path: Path
) -> None:
    left, right = files
    assert kvsctl("diff", "-q", "-f", left, "--with", right, status=1).err == b""
    bad = tmp_path / "bad.jsonl"
    bad.write_text("{\n")
    assert b"INVALID_JSON" in kvsctl("diff", "-q", "-f", left, "--with", bad, status=1).err


def test_values_may_be_compared_byte_by_byte(kvsctl: Command, files: tuple[Path, Path]) -> None:
    left, right = files
    shown = kvsctl("diff", "-f", left, "--with", right, "--bytes", "--only", "changed", status=1)
    assert [line["key"] for line in shown.lines] == ["changed", "same", "k"]


def test_differences_can_be_fed_to_set_and_delete(
    kvsctl: Command, files: tuple[Path, Path], tmp_path: Path
) -> None:
    """The left is made like the right, and the right like the left."""
    left, right = files
    local = kvsctl.having(KVSCTL_TARGET="local")
    local("set", "-f", right, status=0)
    made = tmp_path / "made.jsonl"
    words = ("diff", "-f", left, "--with", right, "-q")
    local(*words, "--only", "missing,changed", "--as", "records", "-o", made, status=1)
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    local("set", "-f", made, status=0)
    printed = local(*words, "--only", "added", "--as", "keys", status=1).out
    assert printed == b"added\n"
    local("delete", stdin=printed, status=0)
    keys = records_file(tmp_path / "keys.jsonl", _LEFT)
    exported = tmp_path / "exported.jsonl"
    local("get", "-f", keys, "-o", exported, status=0)
    local("diff", "-f", left, "--with", exported, status=0)


def test_files_in_any_format_and_order_are_equal(kvsctl: Command, tmp_path: Path) -> None:
    records = [{"key": f"k{n}", "value": str(n)} for n in range(3000)]
    left = records_file(tmp_path / "left.jsonl", records)
    Random(1).shuffle(records)
    array, table = tmp_path / "right.json", tmp_path / "right.csv.gz"
    array.write_text(json.dumps(records, indent=1))
    rows = "".join(f"{one['key']},{one['value']}\n" for one in records)
    table.write_bytes(gzip.compress(f"key,value\n{rows}".encode()))
    for right in (array, table):
        kvsctl("diff", "-f", left, "--with", right, status=0)
    shown = kvsctl("diff", "--with", table, "-q", stdin=left.read_bytes(), status=0)
    assert shown.err == b""


def test_the_last_record_of_a_key_counts(kvsctl: Command, tmp_path: Path) -> None:
    left = records_file(tmp_path / "l.jsonl", [{"key": "a", "value": n} for n in (1, 2, 3)])
    right = records_file(tmp_path / "r.jsonl", [{"key": "a", "value": 3}])
    report = kvsctl("diff", "-f", left, "--with", right, "--json", status=0).report
    assert (report["records"], report["equal"], report["duplicates"]) == (3, 1, 2)


def test_a_line_that_is_not_a_record_fails_and_the_others_are_compared(
    kvsctl: Command, tmp_path: Path
) -> None:
    left = tmp_path / "l.jsonl"
    left.write_text('{"key":"a","value":1}\n{\n{"key":"b","value":2}\n')
    records = [{"key": "a", "value": 1}, {"key": "b", "value": 2}]
    right = records_file(tmp_path / "r.jsonl", records)
    shown = kvsctl("diff", "-f", left, "--with", right, "--json", status=1)
    assert shown.out == b""
    [failure] = shown.report["failures"]
    assert (failure["source"], failure["code"]) == (f"{left}:2", "INVALID_JSON")


def test_a_file_that_does_not_match_its_manifest_is_refused(
    kvsctl: Command, tmp_path: Path
) -> None:
    lines = [b'{"key":"a","value":1}\n', b'{"key":"b","value":2}\n']
    good = write_export(tmp_path / "good.jsonl", lines)
    bad = write_export(tmp_path / "bad.jsonl.gz", lines)
    kvsctl("diff", "-f", good, "--with", bad, status=0)
    bad.write_bytes(gzip.compress(lines[0]))
    refused = kvsctl("diff", "-f", good, "--with", bad, status=2)
    assert b"does not match bad.jsonl.gz.manifest.json: it has 1 of 2 records" in refused.err
    words = ("diff", "-f", good, "--with", bad, "--ignore-manifest")
    assert kvsctl(*words, status=1).lines == [{"change": "missing", "key": "b", "left": 2}]


def test_a_truncated_archive_ends_the_comparison(kvsctl: Command, tmp_path: Path) -> None:
    records = [{"key": f"k{n:06}", "value": n} for n in range(20_000)]
    left = records_file(tmp_path / "l.jsonl", records)
    right = tmp_path / "r.jsonl.gz"
    right.write_bytes(gzip.compress(left.read_bytes())[:-2000])
    ended = kvsctl("diff", "-f", left, "--with", right, status=2)
    assert b"truncated" in ended.err
    ended = kvsctl("diff", "--with", left, stdin=right.read_bytes(), status=5)
    assert b"truncated" in ended.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-f", "l", "--with", "l", "--only", "gone"], '--only: unknown value "gone"'),
        (
            ["-f", "l", "--with", "l", "--as", "xml"],
            '--as "xml": expected text, jsonl, keys or records',
        ),
        (["-f", "-", "--with", "-"], "stdin is given twice"),
        (["-f", "l", "--with", "none"], "cannot read none"),
        (["-f", "l", "--with", "l", "-o", "l"], "l is input and output at once"),
        (["-f", "l", "--with", "l", "--entity", "x"], "--entity x: "),
        (["-f", "l", "--with", "l", "-o", "x.bz2"], "compressed as gzip or zstd only"),
    ],
)
def test_wrong_usage_is_refused(
    kvsctl: Command, tmp_path: Path, words: list[str], message: str
) -> None:
    records_file(tmp_path / "l", _LEFT)
    refused = kvsctl("diff", *words, status=2, folder=tmp_path)
    assert message in refused.err.decode()


@only_on(IS_POSIX, "a terminal")
def test_a_terminal_shows_what_changed(kvsctl: Command, files: tuple[Path, Path]) -> None:
    screen = in_terminal(kvsctl, "diff", "-f", files[0], "--with", files[1])
    assert 'value.name: "a" -> "b"' in screen.text
    assert "+ added" in screen.text


@only_on(IS_POSIX, "pipes of POSIX")
def test_a_closed_pipe_ends_it_quietly(kvsctl: Command, tmp_path: Path) -> None:
    records = [{"key": f"k{n:06}", "value": "x" * 200} for n in range(50_000)]
    left = records_file(tmp_path / "l.jsonl", records)
    right = records_file(tmp_path / "r.jsonl", [])
    pipe = subprocess.PIPE
    words = ("diff", "-f", left, "--with", right)
    with kvsctl.start(*words, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 141
