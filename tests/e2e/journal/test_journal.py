"""What a journal is for, and what it refuses."""

from pathlib import Path
from typing import TypeAlias

import pytest

from kvsctl.journal.file import read_journal
from tests.support.commands.command import Command
from tests.support.commands.serving import serving

Words: TypeAlias = list[str | Path]


def test_a_token_that_changed_between_the_runs_changes_no_job(
    kvsctl: Command, tmp_path: Path
) -> None:
    source, token, journal = (tmp_path / name for name in ("in.jsonl", "token", "j"))
    source.write_text("".join(f'{{"key":"k{n}","value":{n}}}\n' for n in range(200)))
    words: Words = ["set", "-f", source, "--token-file", token, "--journal", journal, "--json"]
    words += ["-c", "1", "--batch-size", "10", "--url"]
    tokens = ("--token", "one=first", "--token", "one=second")
    expiring = ("--faults", "token-lifetime=0.5,latency-ms=100")
    with serving(kvsctl, *tokens, *expiring) as url:
        token.write_text("first")
        refused = kvsctl(*words, url, status=3)
        settled = read_journal(journal).state.settled
        token.write_text("second")
        again = kvsctl(*words, url)
    assert 0 < refused.report["succeeded"] == len(settled) < 200
    assert again.report["succeeded"] + again.report["unsent"] == again.report["records"]
    assert again.report["succeeded"] > refused.report["succeeded"]


@pytest.fixture
def local(kvsctl: Command) -> Command:
    return kvsctl.having(KVSCTL_TARGET="local")


def test_a_failure_that_newer_data_replaced_is_not_tried_again(
    local: Command, tmp_path: Path
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(
        '{"key":"a","value":1,"ttl":"soon"}\n{"key":"b","value":1,"ttl":"soon"}\n'
        '{"key":"a","value":2}\n'
    )
    words: Words = ["set", "-f", source, "--journal", tmp_path / "j", "--json"]
    assert local(*words, status=1).report["failed"] == 2
    shown = local("journal", "show", tmp_path / "j", "--json", status=0).lines[0]
    assert shown["retryable"] == [[1, 2]]
    retried = local(*words, "--retry-failed", status=1)
    assert (retried.report["records"], retried.report["failed"]) == (3, 2)


def test_get_finds_on_a_later_try_what_was_missing(local: Command, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words: Words = [
        "get",
        "a",
        "b",
        "c",
        "--values",
        "-o",
        out,
        "--journal",
        tmp_path / "j",
        "--json",
    ]
    local("set", "a=1", "c=3", status=0)
    assert local(*words, status=1).report["failed"] == 1
    local("set", "b=2", status=0)
    ordered = local(*words, "--retry-failed", status=2)
    assert b"--unordered" in ordered.err
    done = local(*words, "--retry-failed", "--unordered", status=0)
    assert (done.report["records"], done.report["succeeded"]) == (3, 3)
    assert out.read_bytes() == b"1\n3\n2\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["get", "k", "--journal", "j"], "Add -o FILE."),
        (["get", "k", "-o", "/dev/null", "--journal", "j"], "must be a regular file"),
        (["set", "k=1", "--failures", "/dev/null", "--journal", "j"], "must be a regular file"),
        (["set", "k=1", "--retry-failed"], "--retry-failed needs a journal"),
        (["set", "k=1", "--journal-force"], "--journal-force needs a journal"),
        (["set", "k=1", "--journal", "/dev/full"], "not a regular file"),
        (["set", "k=1", "--journal", "x", "--failures", "x"], "at once"),
    ],
)
def test_what_a_journal_cannot_do_is_refused(
    local: Command, tmp_path: Path, words: list[str], said: str
) -> None:
    placed = [str(tmp_path / word) if word in ("j", "x") else word for word in words]
    ended = local(*placed, status=2)
    assert said in ended.err.decode()
    assert not local.database.exists()


def test_an_output_that_is_not_as_it_was_left_is_refused(local: Command, tmp_path: Path) -> None:
    out, journal = tmp_path / "out", tmp_path / "j"
    local("set", "a=1", status=0)
    words: Words = ["get", "a", "b", "-o", out, "--journal", journal]
    local(*words, status=1)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]))
    whole = out.read_bytes()
    assert read_journal(journal).state.stage.value == "ended"
    local(*words, status=1)
    assert out.read_bytes() == whole
    journal.write_bytes(b"".join(lines[:-1]))
    out.write_bytes(b"")
    ended = local(*words, status=2)
    assert b"has 0 bytes, but the journal recorded" in ended.err


def test_another_file_on_stdin_is_refused(local: Command, tmp_path: Path) -> None:
    journal = tmp_path / "job.journal"
    for name, status in (("one", 0), ("one", 0), ("two", 2)):
        source = tmp_path / name
        if not source.exists():
            source.write_bytes(b'{"key":"%b","value":1}\n' % name.encode())
        ended = local("set", "--journal", journal, stdin=source, status=status)
    assert b"stdin has" in ended.err
