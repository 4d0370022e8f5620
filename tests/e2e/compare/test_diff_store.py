"""`kvsctl diff` of files with a store."""

import json
from pathlib import Path

import pytest

from tests.support.commands.command import Command, records_file
from tests.support.commands.pseudo_terminal import in_terminal
from tests.support.commands.serving import serving
from tests.support.needs import IS_POSIX, only_on

pytestmark = pytest.mark.slow


def test_only_the_keys_of_the_file_are_compared(target: Command, tmp_path: Path) -> None:
    target("set", "b=2", 'c={"x":[1.0]}', "other=1", status=0)
    records = [
        {"key": "c", "value": {"x": [1]}},
        {"key": "a", "value": 1},
        {"key": "b", "value": 1},
        {"key": "b", "value": 3},
        {"key": "x", "value": {}, "entityName": "city"},
    ]
    path = records_file(tmp_path / "in.jsonl", records)
    shown = target("diff", "-f", path, "--json", status=1)
    assert shown.lines == [
        {"change": "missing", "key": "a", "left": 1},
        {"change": "changed", "key": "b", "left": 3, "right": 2},
        {"change": "missing", "key": "x", "entityName": "city", "left": {}},
    ]
    report = shown.report
    assert (report["records"], report["succeeded"], report["duplicates"]) == (5, 4, 1)
    assert (report["requests"], report["units"]) == (1, {"read": 1, "write": 0})
    counts = [report[name] for name in ("equal", "added", "changed", "missing")]
    assert counts == [1, 0, 1, 2]


def test_what_was_set_is_equal_until_it_changes(target: Command, tmp_path: Path) -> None:
    records = [{"key": f"k{n}", "value": {"n": n, "t": "é" * n}} for n in range(500)]
    path = records_file(tmp_path / "in.jsonl", records)
    target("set", "-f", path, status=0)
    assert target("diff", "-f", path, "-q", "--batch-size", "7", status=0).err == b""
    target("delete", "k7", status=0)
    target("set", "k8=8", status=0)
    keys = target("diff", "-f", path, "--as", "keys", status=1).out
    assert keys == b"k7\nk8\n"
    repaired = target("diff", "-f", path, "--as", "records", status=1).out
    target("set", stdin=repaired, status=0)
    target("diff", stdin=path.read_bytes(), status=0)


def test_keys_that_cannot_be_read_fail(kvsctl: Command, tmp_path: Path) -> None:
    path = records_file(
        tmp_path / "in.jsonl", [{"key": "a/b", "value": 1}, {"key": "a", "value": 1}]
    )
    shown = kvsctl("diff", "-f", path, "-t", "local", "--json", status=1)
    assert shown.lines == [{"change": "missing", "key": "a", "left": 1}]
    assert [one["key"] for one in shown.report["failures"]] == ["a/b"]


def test_a_store_that_fails_ends_the_comparison(kvsctl: Command, tmp_path: Path) -> None:
    path = records_file(tmp_path / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(50)])
    with serving(kvsctl, "--faults", "seed=1,500=1") as url:
        words = ("diff", "-f", path, "--url", url, "--retries", "1", "--give-up-after", "1")
        ended = kvsctl(*words, "-o", tmp_path / "out", "--json", status=4)
    assert not (tmp_path / "out").exists()
    assert ended.report["exit_code"] == 4
    refused = kvsctl("diff", "-f", path, "--url", "http://127.0.0.1:1", "--retries", "0", status=4)
    assert b"cannot reach" in refused.err or b"could not be reached" in refused.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--with", "l", "-t", "local"], "--with and a target exclude each other"),
        (["-t", "nowhere"], 'unknown target "nowhere"'),
        ([], "no target is chosen"),
        (["-t", "local", "--batch-size", "26"], "--batch-size"),
    ],
)
def test_wrong_targets_are_refused(
    kvsctl: Command, tmp_path: Path, words: list[str], message: str
) -> None:
    records_file(tmp_path / "l", [{"key": "a", "value": 1}])
    refused = kvsctl("diff", "-f", "l", *words, status=2, folder=tmp_path)
    assert message in refused.err.decode()


@only_on(IS_POSIX, "a terminal")
def test_a_terminal_shows_progress_if_differences_go_elsewhere(
    kvsctl: Command, tmp_path: Path
) -> None:
    records = [{"key": f"k{n}", "value": n} for n in range(2000)]
    path = records_file(tmp_path / "in.jsonl", records)
    kvsctl("set", "-t", "local", "-f", path, status=0)
    words = ("diff", "-f", path, "-t", "local", "-o", tmp_path / "out")
    drawn = in_terminal(kvsctl, *words)
    assert drawn.status == 0
    assert "\x1b[" in drawn.text
    assert "2,000 equal" in drawn.text


def test_the_report_names_the_store_first(kvsctl: Command, tmp_path: Path) -> None:
    path = records_file(tmp_path / "in.jsonl", [{"key": "a", "value": 1}])
    report = tmp_path / "report.json"
    shown = kvsctl("diff", "-f", path, "-t", "local", "--report", report, status=1)
    assert f"LOCAL EMULATOR {kvsctl.database}" in shown.err.decode().splitlines()[0]
    assert json.loads(report.read_bytes())["missing"] == 1


def test_differences_never_replace_what_the_store_needs(kvsctl: Command, tmp_path: Path) -> None:
    token, config = tmp_path / "token", tmp_path / "config.toml"
    token.write_text("a-secret-token")
    config.write_text("")
    path = records_file(tmp_path / "in.jsonl", [{"key": "k", "value": 1}])
    words: list[str | Path] = ["diff", "-f", path, "--url", "http://127.0.0.1:1"]
    words += ["--token-file", token]
    for role, file in (("token file", token), ("configuration file", config)):
        before = file.read_bytes()
        refused = kvsctl.having(KVSCTL_CONFIG=str(config))(*words, "-o", file, status=2)
        assert f"{file} is output and {role} at once".encode() in refused.err
        assert file.read_bytes() == before


_EXPIRED = "2020-01-01T00:00:00Z"


def test_what_has_expired_in_a_file_is_absent_from_it(target: Command, tmp_path: Path) -> None:
    records = [
        {"key": "new", "value": {"expireTime": _EXPIRED}},
        {"key": "old", "value": 1, "expireTime": _EXPIRED},
        {"key": "twice", "value": 1},
        {"key": "twice", "value": 2, "expireTime": _EXPIRED},
    ]
    path = records_file(tmp_path / "in.jsonl", records)
    target("set", "-f", path, status=0)
    for more in ([], ["--all"]):
        shown = target("diff", "-f", path, "--json", *more, status=0)
        report = shown.report
        assert (report["records"], report["succeeded"], report["duplicates"]) == (4, 1, 1)
        assert (report["equal"], report["skipped_by"]) == (1, {"expired": 2})
    # What set wrote since under such a key is as if the file had never had it.
    target("set", "old=2", status=0)
    assert target("diff", "-f", path, status=0).out == b""
    added = target("diff", "-f", path, "--all", "--as", "keys", status=1).out
    assert added == b"old\n"


def test_two_files_are_compared_whatever_the_time_is(kvsctl: Command, tmp_path: Path) -> None:
    record = {"key": "old", "value": 1, "expireTime": _EXPIRED}
    path = records_file(tmp_path / "in.jsonl", [record])
    (tmp_path / "none.jsonl").touch()
    shown = kvsctl("diff", "-f", path, "--with", tmp_path / "none.jsonl", "--json", status=1)
    assert [line["change"] for line in shown.lines] == ["missing"]
