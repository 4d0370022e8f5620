"""A dry run shows the first records as they would be sent; values on a terminal alone."""

import json
from pathlib import Path

import pytest

from tests.support.commands.command import Command, records_file
from tests.support.commands.pseudo_terminal import with_terminal_stderr


@pytest.fixture
def local(kvsctl: Command) -> Command:
    return kvsctl.having(KVSCTL_TARGET="local", TERM="dumb")


def _shown(err: bytes) -> list[str]:
    """Return the lines of the records: they are indented."""
    return [line[2:] for line in err.decode().splitlines() if line.startswith("  ")]


def test_the_first_three_are_shown_as_they_would_be_sent(local: Command, tmp_path: Path) -> None:
    table = tmp_path / "users.csv"
    table.write_text("id,age\n1,36\n2,41\n3,50\n4,60\n5,70\n", "utf-8")
    words: list[str | Path] = [
        "set",
        "-n",
        "-f",
        table,
        "--key",
        "user:{id}",
        "--infer-types",
        "--ttl",
        "7d",
    ]
    ended = with_terminal_stderr(local, *words, status=0)
    *records, rest = _shown(ended.err)
    assert [json.loads(line) for line in records] == [
        {
            "key": f"user:{n}",
            "value": {"id": n, "age": age},
            "options": {"ttl": {"value": 7, "unit": "DAYS"}},
        }
        for n, age in ((1, 36), (2, 41), (3, 50))
    ]
    assert rest == "and 2 more"
    assert local("list", status=0).out == b"", "nothing was sent"


@pytest.mark.parametrize("verb", ["get", "delete"])
def test_keys_are_shown_in_a_log_too(local: Command, verb: str) -> None:
    ended = local(verb, "-n", "a", "b", "--entity", "session", status=0)
    assert _shown(ended.err) == [
        '{"key":"a","entityName":"session"}',
        '{"key":"b","entityName":"session"}',
    ]
    assert ended.out == b""


def test_values_are_shown_in_no_log(local: Command) -> None:
    ended = local("set", "-n", "a=hidden-value", status=0)
    assert b"hidden-value" not in ended.err + ended.out
    assert _shown(ended.err) == []
    assert b"hidden-value" in with_terminal_stderr(local, "set", "-n", "a=hidden-value").err


def test_a_line_is_as_wide_as_the_terminal_and_escaped(local: Command, tmp_path: Path) -> None:
    value = {"key": "a", "value": "\u202e" + "x" * 5_000}
    source = records_file(tmp_path / "in", [value])
    source.write_text(json.dumps(value, ensure_ascii=False) + "\n", "utf-8")
    narrow = local.having(COLUMNS="40")
    (line,) = _shown(with_terminal_stderr(narrow, "set", "-n", "-f", source).err)
    assert line.startswith('{"key": "a", "value": "\\u202exx')
    assert len(line) == 38
    assert line.endswith("…")


def test_what_fails_its_checks_or_has_expired_is_not_shown(local: Command, tmp_path: Path) -> None:
    records = [
        {"key": "a/b", "value": 1},
        {"key": "old", "value": 1, "expireTime": "2020-01-01T00:00:00Z"},
        {"key": "c", "value": 1},
    ]
    source = records_file(tmp_path / "in", records)
    ended = with_terminal_stderr(local, "set", "-n", "-f", source, status=1)
    shown = [line for line in _shown(ended.err) if line.startswith("{")]
    assert shown == ['{"key": "c", "value": 1}']


def test_what_a_later_record_replaces_is_not_shown(local: Command) -> None:
    words = ["a=1", "a=2", "b=3", "a=4", "c=5", "d=6"]
    ended = with_terminal_stderr(local, "set", "-n", *words, status=0)
    *records, rest = _shown(ended.err)
    assert [json.loads(line) for line in records] == [
        {"key": "a", "value": 4},
        {"key": "b", "value": 3},
        {"key": "c", "value": 5},
    ]
    assert rest == "and 1 more"


def test_a_key_that_is_read_once_is_shown_once(local: Command) -> None:
    assert _shown(local("get", "-n", "a", "a", "b", status=0).err) == [
        '{"key":"a"}',
        '{"key":"b"}',
    ]


def test_programs_get_the_report_alone(local: Command) -> None:
    ended = with_terminal_stderr(local, "set", "-n", "a=1", "--json", status=0)
    assert ended.err == b""
    assert ended.report["dry_run"] is True


def test_a_delete_of_a_selection_prints_all_keys(local: Command) -> None:
    local("set", *(f"k{n}=1" for n in range(5)), status=0)
    ended = local("delete", "-n", "--prefix", "k", status=0)
    assert ended.out.decode().split() == [f"k{n}" for n in range(5)]


def test_expired_records_are_skipped_as_in_the_run(local: Command, tmp_path: Path) -> None:
    past = "2020-01-01T00:00:00Z"
    records = [{"key": f"k{n}", "value": n} | ({"expireTime": past} if n else {}) for n in range(3)]
    words = ("set", "-f", records_file(tmp_path / "in.jsonl", records), "--json")
    rehearsed, done = (
        json.loads(local(*words, *more, status=0).out.splitlines()[-1]) for more in (["-n"], [])
    )
    assert (rehearsed["unsent"], rehearsed["skipped"]) == (1, 2)
    assert done["bytes_sent"] <= rehearsed["bytes_sent"] <= done["bytes_sent"] + 1
    for name in ("skipped", "skipped_by", "units", "requests"):
        assert rehearsed[name] == done[name]
