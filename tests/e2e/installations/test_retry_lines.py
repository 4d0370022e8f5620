"""The line that retries failures in several installations works when it is pasted."""

import shlex

import pytest

from tests.e2e.installations.support import ALL, container
from tests.support.commands.command import Command, Ended, records_file

_FAILING = ("--faults", "only=batch/set,500=1,first=1")


def _lines(ended: Ended) -> list[str]:
    return [one.strip() for one in ended.err.decode().splitlines() if one.startswith("  kvsctl ")]


@pytest.mark.parametrize("notes", [("--ledger", "l"), ("--journal", "j-{installation}")], ids=str)
def test_a_ledger_or_journals_know_what_has_failed(
    kvsctl: Command, notes: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kvsctl.home)
    records_file(kvsctl.home / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(3)])
    with container(kvsctl, ["i0", "i1"], *_FAILING) as inside:
        words = ("set", *ALL, "-f", "in.jsonl", *notes, "--retries", "0")
        (line,) = _lines(inside(*words, status=1))
        pasted = shlex.split(line)
        assert pasted[-1] == "--retry-failed"
        again = inside(*pasted[1:], status=0)
        assert _lines(again) == []
        assert len(inside("list", *ALL, status=0).lines) == 6


def test_a_command_that_chooses_its_records_chooses_them_anew(
    kvsctl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kvsctl.home)
    with container(kvsctl, ["i0", "i1"], "--faults", "only=batch/delete,500=1,first=1") as inside:
        inside("set", *ALL, "tmp:1=1", "keep=2", status=0)
        words = ("delete", *ALL, "--prefix", "tmp:", "-y", "--retries", "0")
        (line,) = _lines(inside(*words, status=1))
        inside(*shlex.split(line)[1:], status=0)
        assert [one["key"] for one in inside("list", *ALL, status=0).lines] == ["keep", "keep"]


def test_a_sync_is_repeated_without_its_plans(
    kvsctl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kvsctl.home)
    with container(kvsctl, ["i0", "i1"], *_FAILING) as inside:
        inside("set", "-t", "local", "a=1", "b=2", status=0)
        words = ("sync", "--from", "local", *ALL, "--all", "-y", "--retries", "0")
        (line,) = _lines(inside(*words, "--plan", "plan-{installation}", status=1))
        again = inside(*shlex.split(line)[1:], status=0)
        assert _lines(again) == []
        assert len(inside("list", *ALL, status=0).lines) == 4


def test_reads_that_failed_are_not_repeated_by_a_line(kvsctl: Command) -> None:
    with container(kvsctl, ["i0", "i1"], "--faults", "only=batch/get,refuse=b:ODD") as inside:
        inside("set", *ALL, "a=1", "b=2", status=0)
        files = kvsctl.home / "{installation}.jsonl"
        inside("export", *ALL, "-o", files, status=0)
        words = ("verify", files, "--against", "container", "--all-installations")
        ended = inside(*words, status=1)
        assert b"2 failed" in ended.err
        assert _lines(ended) == []


def test_what_nothing_noted_has_no_line(kvsctl: Command) -> None:
    with container(kvsctl, ["i0", "i1"], *_FAILING) as inside:
        assert _lines(inside("set", *ALL, "a=1", "--retries", "0", status=1)) == []
