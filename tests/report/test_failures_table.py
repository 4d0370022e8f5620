"""The report for people: complete, readable at any width, and escaped."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from kvsctl.bulk.events import RequestEnded
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.model import Cause, Failure, Identity, Outcome, Record, State, Verb
from kvsctl.report.advice import advice
from kvsctl.report.document import About
from kvsctl.report.failed.retry_line import FailuresKept, RetryWords, retry_lines
from kvsctl.report.failures_table import print_failures
from kvsctl.report.rich_console import stderr_console
from kvsctl.report.summary import EarlyEnd, summary
from tests.support.outcomes import ended, failed, problem, record, succeeded, tally_of
from tests.support.terminal import stderr

_WORDS = RetryWords("set", ())
ABOUT = About("set", "staging", "0.1.0", datetime(2026, 1, 2, tzinfo=UTC))


def printed(
    tally: Tally,
    width: int = 80,
    *,
    about: About = ABOUT,
    seconds: float = 2.0,
    is_terminal: bool = False,
    has_colour: bool = False,
    encoding: str = "utf-8",
    failures_path: str | None = None,
    early_end: EarlyEnd | None = None,
) -> str:
    with stderr(width, is_terminal=is_terminal, has_colour=has_colour, encoding=encoding) as (
        environment,
        read,
    ):
        environment.write_stderr(summary(environment, tally, about, seconds, None, early_end))
        print_failures(stderr_console(environment), tally.groups, tally.failures)
        if failures_path is not None and tally.failed:
            kept = FailuresKept(Path(failures_path), has_raw=tally.has_unreadable)
            for line in retry_lines(_WORDS, tally, kept, Path()):
                environment.write_line(line)
        return read()


def test_a_path_in_a_log_is_not_folded() -> None:
    path = "/home/" + "long-folder/" * 12 + "failures of today.jsonl"
    about = About("set", "local", "1", ABOUT.started_at, local_path=path)
    lines = printed(tally_of(failed(0)), about=about, failures_path=path).splitlines()
    assert lines[0] == f"set  LOCAL EMULATOR {path}"
    assert lines[-2:] == [
        f"Failed records are in {path}. To retry what failed:",
        f"  kvsctl set -f '{path}'",
    ]


def test_numbers_that_are_not_exact_are_not_retried_as_they_are() -> None:
    inexact = tally_of(failed(0, code="NUMBER_NOT_EXACT"))
    lines = printed(inexact, failures_path="f.jsonl").splitlines()
    assert lines[-3:] == [
        "Numbers that are not exact fail again: write them as strings, or add --allow-rounding.",
        "Failed records are in f.jsonl. To retry what failed:",
        "  kvsctl set -f f.jsonl",
    ]
    assert "fail again" not in printed(tally_of(failed(0)), failures_path="f.jsonl")


def test_notes_are_wrapped_between_words_on_a_terminal() -> None:
    tally = tally_of(succeeded(0), ended(1, State.UNSENT))
    tally(RequestEnded(Verb.SET, 1, 200, 0.1, 9, 9, 1, False))
    shown = printed(tally, 30, is_terminal=True, early_end=EarlyEnd(0.5, is_resumable=True))
    assert shown.endswith(
        "The run ended early, after\nreading 2 records (50% of the\n"
        "input). Run the same command\nagain to resume it.\n"
    )


def test_a_run_without_failures() -> None:
    tally = tally_of(*(succeeded(n) for n in range(3000)))
    tally(RequestEnded(Verb.SET, 25, 200, 0.1, 9, 9, 120, False))
    assert printed(tally) == (
        "set  staging\n3,000 records · 3,000 succeeded · 2.00 s · 1,500 keys/s · 120 write units\n"
    )


def test_zeros_are_left_out_of_the_totals() -> None:
    assert printed(tally_of(), seconds=0.04) == "set  staging\n0 records · 0.04 s\n"
    _, totals, *_ = printed(tally_of(failed(0)), seconds=0.0).splitlines()
    assert totals == "1 record · 1 failed · 0.00 s"


def test_the_local_emulator_is_named_first() -> None:
    about = replace(ABOUT, local_path="/home/ann/kvsctl.db")
    first = printed(tally_of(), about=about).splitlines()[0]
    assert first == "set  LOCAL EMULATOR /home/ann/kvsctl.db"


def test_each_other_outcome_is_counted_if_it_occurred() -> None:
    late = record(6)
    late.ambiguous = True
    tally = tally_of(
        succeeded(0),
        ended(1, State.SKIPPED, skipped_by="missing"),
        ended(2, State.SKIPPED, skipped_by="expired"),
        ended(3, State.DUPLICATE),
        ended(4, State.UNKNOWN),
        ended(5, State.UNSENT),
        Outcome(late, State.SUCCEEDED),
    )
    tally(RequestEnded(Verb.SET, 25, 429, 0.1, 9, 9, 0, True, is_throttled=True))
    tally(RequestEnded(Verb.GET, 25, 200, 0.1, 9, 9, 2, False))
    tally(RequestEnded(Verb.SET, 25, 200, 0.1, 9, 9, 3, False))
    early_end = EarlyEnd(None, is_resumable=False)
    _, totals, *notes = printed(tally, seconds=0.0, early_end=early_end).splitlines()
    assert totals == (
        "7 records · 2 succeeded · 2 skipped (expired 1, missing 1) · 1 duplicate · "
        "1 unknown · 1 unsent · 0.00 s · 1 retry · 1 throttled · 2 read + 3 write units"
    )
    assert "1 record had an attempt without an answer" in notes[0]
    assert notes[1].startswith("The run ended early, after reading 7 records.")


@pytest.mark.parametrize(
    ("fraction", "is_resumable", "note"),
    [
        (
            0.999,
            True,
            "The run ended early, after reading 2 records (99% of the input). "
            "Run the same command again to resume it.",
        ),
        (
            1.0,
            False,
            "The run ended early, after reading 2 records (100% of the input). "
            "The same command starts over, which is safe; with --journal FILE it would resume.",
        ),
        (
            None,
            True,
            "The run ended early, after reading 2 records. Run the same command again to resume "
            "it.",
        ),
    ],
)
def test_an_early_end_says_how_far_it_came_and_what_to_do(
    fraction: float | None, is_resumable: bool, note: str
) -> None:
    tally = tally_of(succeeded(0), ended(1, State.UNSENT))
    tally(RequestEnded(Verb.SET, 1, 200, 0.1, 9, 9, 1, False))
    assert printed(tally, early_end=EarlyEnd(fraction, is_resumable)).splitlines()[-1] == note


def test_a_command_without_a_journal_is_not_told_of_one() -> None:
    tally = tally_of(succeeded(0))
    early_end = EarlyEnd(None, is_resumable=False, takes_journal=False)
    last = printed(tally, early_end=early_end).splitlines()[-1]
    assert last == "The run ended early, after reading 1 record. The same command starts over."


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.123, "0.12 s"), (12.34, "12.3 s"), (75.4, "1:15 min"), (3725, "1:02:05 h")],
)
def test_durations(seconds: float, shown: str) -> None:
    _, totals = printed(
        tally_of(*(succeeded(n) for n in range(9000))), seconds=seconds
    ).splitlines()
    assert f" · {shown} · " in totals


def test_failures_are_grouped_with_an_example_and_advice() -> None:
    subject = Record(9, "users.jsonl", 10, Identity("person", "ann"), b"{}")
    tally = tally_of(
        *(failed(n, f"user:{n}", "KEY_NOT_FOUND", "no such key") for n in (3, 1, 2)),
        problem(4, b"{", code="INVALID_JSON", readable=False),
        Outcome(subject, State.FAILED, Failure("STRANGE", "how odd", "abc123")),
    )
    text = printed(tally, failures_path="failed.jsonl")
    rows = [re.split(r" {2,}", row.strip()) for row in text.splitlines()]
    assert ["Count", "Code", "Example key", "Place"] in rows
    assert ["3", "KEY_NOT_FOUND", "user:1", "users.jsonl:2"] in rows
    assert ["1", "INVALID_JSON", "(no key)", "users.jsonl:5"] in rows
    assert ["1", "STRANGE", "person ann", "users.jsonl:10"] in rows
    assert (
        "KEY_NOT_FOUND\n"
        "  user:1 (users.jsonl:2): no such key\n"
        "  user:2 (users.jsonl:3): no such key\n"
        "  user:3 (users.jsonl:4): no such key\n"
        "  The target does not hold this key"
    ) in text
    assert "STRANGE\n  how odd\n  trace abc123\n" in text
    assert text.endswith(
        'Failed records are in failed.jsonl: write the lines with "raw" as records first.\n'
        "To retry what failed:\n  kvsctl set -f failed.jsonl\n"
    )


def test_the_failures_file_is_not_named_if_nothing_failed() -> None:
    assert "failed.jsonl" not in printed(tally_of(succeeded(0)), failures_path="failed.jsonl")


HOSTILE = "\x1b[2J[red]x[/red]:smile:\n\u202e"


@pytest.mark.parametrize("width", [40, 120])
def test_text_from_outside_is_escaped(width: int) -> None:
    subject = Record(0, HOSTILE, 1, Identity(None, HOSTILE), b"{}")
    hostile = Outcome(subject, State.FAILED, Failure(HOSTILE, HOSTILE, HOSTILE))
    about = replace(ABOUT, target=HOSTILE)
    tally = tally_of(hostile, ended(1, State.SKIPPED, skipped_by=HOSTILE))
    text = printed(tally, width, about=about, failures_path=HOSTILE)
    assert all(character == "\n" or character.isprintable() for character in text)
    seen = "\\x1b[2J[red]x[/red]:smile:\\n\\u202e"
    assert "".join(text.split()).count(seen) >= 6


@pytest.mark.parametrize("width", [20, 30, 59, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    tally = tally_of(
        failed(0, "k" * 500, "MAX_SIZE", "m" * 1000),
        failed(1, "日" * 200, "C" * 300),
        problem(2, b"{", code="INVALID_JSON"),
    )
    about = replace(ABOUT, target="https://example.com/" + "a" * 300)
    text = printed(tally, width, about=about, is_terminal=True)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert about.target in "".join(text.splitlines())
    assert "INVALID_JSON" in text


def test_only_the_most_frequent_codes_are_shown() -> None:
    outcomes = [failed(n, code=f"C{n % 30:02}") for n in range(65)]
    text = printed(tally_of(*outcomes))
    assert "C04" in text
    assert "C25" not in text
    assert "and 20 failures with other codes" in text


def test_no_line_ends_in_white_space() -> None:
    text = printed(tally_of(failed(0), failed(1, code="MAX_SIZE")))
    assert not re.search(r"[ \t]\n", text)


def test_colour_only_if_wanted() -> None:
    tally = tally_of(failed(0), succeeded(1))
    assert "\x1b[" not in printed(tally)
    assert "\x1b[" not in printed(tally, is_terminal=True)
    assert "\x1b[1;31m1 failed\x1b[0m" in printed(tally, has_colour=True)


def test_an_ascii_terminal_is_sent_ascii() -> None:
    text = printed(tally_of(failed(0)), encoding="ascii")
    assert "1 record, 1 failed, 2.00 s" in text
    assert "\\u" not in text


def test_a_closed_stderr_is_ignored() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with stderr() as (environment, _):
        gone = replace(environment, stderr_fd=writer)
    gone.write_stderr(summary(gone, tally_of(failed(0)), ABOUT, 1.0))
    print_failures(stderr_console(gone), tally_of(failed(0)).groups)
    os.close(writer)


def test_only_modules_that_draw_import_rich() -> None:
    modules = (
        *("advice", "console", "document", "dry_run", "escape", "journal", "problem_lines"),
        *("request_lines", "styled", "summary"),
    )
    imports = "; ".join(f"import kvsctl.report.{module}" for module in modules)
    script = f"{imports}; import sys; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_each_cause_of_a_code_is_explained_once() -> None:
    causes = [Cause.COMMA, Cause.MAP, None, Cause.COMMA, Cause.MAP, Cause.ARRAY, Cause.MANY]
    outcomes = [
        Outcome(
            problem(place, b"x").subject,
            State.FAILED,
            Failure("INVALID_JSON", f"message {place}", cause=cause),
        )
        for place, cause in enumerate(causes)
    ]
    text = " ".join(printed(tally_of(*outcomes), 100).split())
    for place, cause in ((0, Cause.COMMA), (1, Cause.MAP), (2, None)):
        told = advice("INVALID_JSON", cause)
        assert told is not None
        assert f"message {place} {' '.join(told.split())}" in text
        assert text.count(" ".join(told.split())) == 1
    assert "message 3" not in text
    assert "message 5" not in text  # at most three


def test_the_first_failure_of_a_cause_explains_it_whatever_the_order() -> None:
    outcomes = [
        Outcome(
            problem(place, b"x").subject,
            State.FAILED,
            Failure("INVALID_JSON", f"message {place}", cause=Cause.MAP if place else None),
        )
        for place in (2, 1, 0)
    ]
    text = printed(tally_of(*outcomes))
    assert text.index("message 0") < text.index("message 1") < text.index("message 2")
    for cause in (None, Cause.MAP):
        told = advice("INVALID_JSON", cause)
        assert told is not None
        assert "".join(text.split()).count("".join(told.split())) == 1


def test_a_code_has_three_examples_at_most_each_with_its_own_reason() -> None:
    outcomes = [failed(n, f"k{n}", "INVALID_KEY", f"wrong in its own way {n}") for n in range(9)]
    text = printed(tally_of(*outcomes))
    shown = [line.strip() for line in text.splitlines() if "wrong in its own way" in line]
    assert shown == [f"k{n} (users.jsonl:{n + 1}): wrong in its own way {n}" for n in range(3)]


def test_a_trace_is_named_once_for_examples_of_one_request() -> None:
    outcomes = [
        Outcome(record(n), State.FAILED, Failure("STRANGE", "odd", trace))
        for n, trace in enumerate(("t1", "t1", "t2"))
    ]
    text = printed(tally_of(*outcomes))
    assert [line.strip() for line in text.splitlines() if "trace" in line] == [
        "trace t1",
        "trace t2",
    ]
