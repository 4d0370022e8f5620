"""The question of `delete` on a terminal, and what ends it."""

import json
import re
import signal
import time
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.support.commands.command import Command
from tests.support.commands.emulated_terminal import emulated_terminal, started
from tests.support.commands.pseudo_terminal import in_terminal, signalled_in_terminal
from tests.support.waiting import wait_until

_THINKING_SECONDS = 4

pytestmark = pytest.mark.slow

Words: TypeAlias = list[str | Path]


@pytest.fixture
def stored(kvsctl: Command) -> Command:
    """kvsctl with eight records in the store."""
    command = kvsctl.having(KVSCTL_TARGET="local")
    command("set", "-q", *(f"a{n}={n}" for n in range(7)), "b=1", status=0)
    return command


def _count(command: Command) -> int:
    return len(command("list", "-q", status=0).out.splitlines())


def test_names_target_count_bytes_and_first_keys(stored: Command) -> None:
    screen = in_terminal(stored, "delete", "--prefix", "a", typed=b"y\n", columns=400)
    assert screen.status == 0
    lines = screen.text.replace("\r\n", "\n")
    assert "About to delete 7 records (7 bytes) in LOCAL EMULATOR " in lines
    assert "\n  a0\n  a1\n  a2\n  a3\n  a4\n  … and 2 more\n" in lines
    assert "Covers plain keys. Secrets are not listed.\nDelete? [y/N] " in lines
    assert _count(stored) == 1


@pytest.mark.parametrize("typed", [b"n\n", b"\n", b"\x04", b"ye\n"])
def test_anything_but_yes_deletes_nothing(stored: Command, typed: bytes) -> None:
    screen = in_terminal(stored, "delete", "--prefix", "a", typed=typed)
    assert screen.status == 2
    assert "not confirmed: nothing was deleted" in screen.text
    assert _count(stored) == 8


@pytest.mark.parametrize(("typed", "line_end"), [(b"n\n", ""), (b"\x04", "\r\n")])
def test_a_refusal_is_one_message_on_a_line_of_its_own(
    stored: Command, typed: bytes, line_end: str
) -> None:
    screen = in_terminal(stored, "delete", "--prefix", "a", typed=typed)
    after = screen.text.partition("[y/N] ")[2]  # what is typed was shown before
    assert after == f"{line_end}kvsctl: not confirmed: nothing was deleted\r\n"


def test_the_end_of_the_input_ends_the_line_of_a_protected_name(
    stored: Command, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[targets.local]\nprotected = true\n")
    protected = stored.having(KVSCTL_CONFIG=str(config))
    screen = in_terminal(protected, "delete", "--prefix", "a", typed=b"\x04")
    assert "\r\nkvsctl: that is not the name of target local: nothing was sent" in screen.text


def test_the_time_of_a_run_leaves_out_the_wait_for_an_answer(
    stored: Command, tmp_path: Path
) -> None:
    report = tmp_path / "report"
    words: Words = ["delete", "--prefix", "a", "--report", report]
    with emulated_terminal() as terminal:
        process = started(stored.having(TERM="xterm"), terminal, *words)
        terminal.wait_for(lambda rows: any("[y/N]" in row for row in rows))
        asked_at = time.monotonic()
        wait_until(lambda: time.monotonic() - asked_at > _THINKING_SECONDS)
        terminal.type(b"y\n")
        assert process.wait(30) == 0
    assert json.loads(report.read_bytes())["elapsed_s"] < _THINKING_SECONDS


def test_a_question_is_shown_again_when_the_process_continues(stored: Command) -> None:
    with emulated_terminal() as terminal:
        process = started(stored.having(TERM="xterm"), terminal, "delete", "--prefix", "a")
        terminal.wait_for(lambda rows: any("[y/N]" in row for row in rows))
        process.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: terminal.shown.count(b"[y/N]") == 2)
        terminal.type(b"y\n")
        assert process.wait(30) == 0
    assert _count(stored) == 1


def test_yes_a_dry_run_and_an_empty_selection_are_not_asked_about(stored: Command) -> None:
    assert "[y/N]" not in in_terminal(stored, "delete", "--prefix", "a", "-n").text
    assert "[y/N]" not in in_terminal(stored, "delete", "--prefix", "z").text
    assert "[y/N]" not in in_terminal(stored, "delete", "--prefix", "a", "--yes").text
    assert _count(stored) == 1


def test_a_guard_refuses_before_the_question(stored: Command) -> None:
    screen = in_terminal(stored, "delete", "--prefix", "a", "--max-delete", "6")
    assert screen.status == 2
    assert screen.text.replace("\r\n", " ").strip().startswith("kvsctl: 7 records would be")
    assert _count(stored) == 8


_SIGNALS = pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
_RULES = '[[rules]]\nname = "all"\nprefix = "a"\naction = "delete"\n'


def _words(how: str, tmp_path: Path) -> Words:
    """Return a command that asks, by what it does."""
    rules = tmp_path / "rules.toml"
    rules.write_text(_RULES)
    words: dict[str, Words] = {
        "deleted": ["delete", "--prefix", "a"],
        "changed": ["expire", "--prefix", "a", "--ttl", "30d"],
        "deleted by rules": ["clean", "-f", rules],
    }
    return words[how]


@_SIGNALS
@pytest.mark.parametrize("how", ["deleted", "changed", "deleted by rules"])
def test_signals_end_the_question_and_nothing_was_changed(
    stored: Command, tmp_path: Path, how: str, number: signal.Signals, status: int
) -> None:
    words = [*_words(how, tmp_path), "--report", tmp_path / "report"]
    screen = signalled_in_terminal(stored, *words, number=number)
    assert screen.status == status
    done = how.partition(" ")[0]
    end = f"kvsctl: interrupted before the question was answered: nothing was {done}\r\n"
    assert screen.text.endswith(end)
    assert "[y/N] \r\n" in screen.text, "the report begins on a line of its own"
    assert "stopping" not in screen.text
    assert "ended early" not in screen.text
    report = json.loads((tmp_path / "report").read_bytes())
    assert (report["exit_code"], report["interrupted"]) == (status, True)
    assert _count(stored) == 8


@pytest.mark.parametrize("how", ["deleted", "changed", "deleted by rules"])
def test_the_end_of_the_time_ends_the_question(stored: Command, tmp_path: Path, how: str) -> None:
    words = [*_words(how, tmp_path), "--max-duration", "1s"]
    screen = signalled_in_terminal(stored, *words, number=None)
    assert screen.status == 75
    done = how.partition(" ")[0]
    assert screen.text.endswith(
        "kvsctl: the time of --max-duration 1s was up before the question was answered: nothing "
        f"was {done}\r\nRun the same command again, and answer in time or add --yes.\r\n"
    )
    assert "ended early" not in screen.text
    assert _count(stored) == 8


def test_a_protected_target_is_named_and_then_the_question_is_answered(
    stored: Command, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[targets.local]\nprotected = true\n")
    protected = stored.having(KVSCTL_CONFIG=str(config))
    assert in_terminal(protected, "delete", "--prefix", "a", typed=b"y\n").status == 2
    assert _count(stored) == 8
    assert in_terminal(protected, "delete", "--prefix", "a", typed=b"local\ny\n").status == 0
    assert _count(stored) == 1


@_SIGNALS
def test_signals_end_the_question_about_a_plan(
    stored: Command, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    plan = tmp_path / "plan.jsonl"
    stored("delete", "--prefix", "a", "--plan", plan, status=0)
    screen = signalled_in_terminal(stored, "apply", plan, number=number)
    assert screen.status == status
    assert f"\r\nkvsctl: interrupted by {number.name}: nothing was changed\r\n" in screen.text
    assert "Traceback" not in screen.text
    assert _count(stored) == 8


@_SIGNALS
def test_signals_end_the_question_for_a_protected_name(
    stored: Command, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[targets.local]\nprotected = true\n")
    protected = stored.having(KVSCTL_CONFIG=str(config))
    words: Words = ["delete", "--prefix", "a"]
    screen = signalled_in_terminal(protected, *words, number=number, at=b"to continue: ")
    assert screen.status == status
    assert f"\r\nkvsctl: interrupted by {number.name}: nothing was sent\r\n" in screen.text
    assert _count(stored) == 8


@pytest.mark.parametrize("columns", [20, 32, 40, 79, 200])
def test_a_question_is_broken_between_words(stored: Command, columns: int) -> None:
    words: Words = ["expire", "--prefix", "a", "--ttl", "30d"]
    screen = in_terminal(stored, *words, typed=b"n\n", columns=columns)
    # Whatever was drawn before it is gone: it begins a line.
    before, begin, rest = screen.text.partition("About to expire ")
    assert re.search(r"(\n|\x1b\[2K|\x1b\[K|\r)$", before)
    question = begin + rest.partition("[y/N]")[0]
    lines = question.replace("\r\n", "\n").splitlines()
    assert [line for line in lines if len(line) > columns and len(line.split()) > 1] == []
    assert "what your app writes between the read and the write" in " ".join(question.split())
