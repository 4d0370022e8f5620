"""A report says what happened, and is left out where nothing did."""

from pathlib import Path

import pytest

from tests.support.commands.command import Command

_PROGRAM = b"\x7fELF\x02\x01\x01" + bytes(200)


@pytest.fixture
def unreadable(tmp_path: Path) -> Path:
    path = tmp_path / "in.dat"
    path.write_bytes(_PROGRAM)
    return path


@pytest.mark.parametrize(
    "words",
    [
        ["set"],
        ["get"],
        ["delete"],
        ["set", "-v"],
        ["set", "--require-input"],
        ["set", "--check-first"],
        ["set", "-n"],
        ["diff"],
    ],
    ids=" ".join,
)
def test_an_error_before_a_run_prints_no_totals(
    kvsctl: Command, unreadable: Path, words: list[str]
) -> None:
    ended = kvsctl(*words, "-t", "local", "-f", unreadable, status=2)
    assert ended.err.decode() == (
        f"kvsctl: {unreadable}: this is a program, which kvsctl does not read\n"
        "Give text in UTF-8: JSON Lines, a JSON array, CSV, TSV or plain keys.\n"
    )


def test_parts_of_a_job_print_none_either(kvsctl: Command, unreadable: Path) -> None:
    ended = kvsctl.process("set", "-t", "local", "-f", unreadable, "--workers", "2", status=2)
    lines = ended.err.decode().splitlines()
    assert sorted(line for line in lines if line.startswith("kvsctl: ")) == [
        f"kvsctl: shard {part}/2: {unreadable}: this is a program, which kvsctl does not read"
        for part in (1, 2)
    ]
    assert "records" not in ended.err.decode()


def test_programs_are_given_the_totals_all_the_same(kvsctl: Command, unreadable: Path) -> None:
    report = kvsctl("set", "-t", "local", "-f", unreadable, "--json", status=2).report
    assert (report["records"], report["exit_code"]) == (0, 2)


def test_an_error_after_something_was_read_prints_them(kvsctl: Command) -> None:
    ended = kvsctl("set", "-t", "local", stdin=b'[{"key":"a","value":1},{"key":"b"', status=5)
    assert b"1 succeeded" in ended.err


def test_a_target_that_cannot_be_listed_prints_only_why(kvsctl: Command) -> None:
    ended = kvsctl("list", "--url", "http://127.0.0.1:1", "--retries", "0", status=4)
    assert ended.err.startswith(b"kvsctl: cannot reach the target: UNREACHABLE: 127.0.0.1:1: ")


def test_an_empty_input_is_no_error_and_has_its_report(kvsctl: Command) -> None:
    ended = kvsctl("set", "-t", "local", stdin=b"", status=0)
    assert b"0 records" in ended.err


@pytest.mark.parametrize("command", ["false", "/none/such", "echo a b", "true"])
def test_a_run_that_had_no_token_has_no_totals(kvsctl: Command, command: str) -> None:
    words = ["--url", "http://127.0.0.1:1", "--token-command", command]
    ended = kvsctl("set", *words, "a=1", "b=2", status=3)
    message, hint = ended.err.decode().splitlines()
    assert "token command" in message
    assert "It is run without a shell" in hint
    report = kvsctl("set", *words, "a=1", "b=2", "--json", status=3).report
    assert (report["records"], report["unsent"]) == (2, 2)


def test_records_that_failed_are_reported_without_a_token_too(kvsctl: Command) -> None:
    words = ["--url", "http://127.0.0.1:1", "--token-command", "false"]
    ended = kvsctl("set", *words, "a=1", "b/c=2", status=3)
    assert b"1 failed" in ended.err
