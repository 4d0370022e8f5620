"""The question of `delete` on a terminal, and what ends it."""

import os
import signal
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.support.commands.command import Command
from tests.support.commands.pseudo_terminal import in_terminal, read_within
from tests.support.needs import system_module

pytestmark = pytest.mark.slow

Words: TypeAlias = list[str | Path]
_WAIT_SECONDS = 30


@pytest.fixture
def stored(kvsctl: Command) -> Command:
    """kvsctl with eight records in the store."""
    command = kvsctl.having(KVSCTL_TARGET="local")
    command("set", "-q", *(f"a{n}={n}" for n in range(7)), "b=1", status=0)
    return command


def _count(command: Command) -> int:
    return len(command("list", "-q", status=0).out.splitlines())


def test_names_target_count_bytes_and_first_keys(stored: Command) -> None:
    screen = in_terminal(stored, "delete", "--prefix", "a", typed=b"y\n")
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


def test_yes_a_dry_run_and_an_empty_selection_are_not_asked_about(stored: Command) -> None:
    assert "[y/N]" not in in_terminal(stored, "delete", "--prefix", "a", "-n").text
    assert "[y/N]" not in in_terminal(stored, "delete", "--prefix", "z").text
    assert "[y/N]" not in in_terminal(stored, "delete", "--prefix", "a", "--yes").text
    assert _count(stored) == 1


def test_a_guard_refuses_before_the_question(stored: Command) -> None:
    screen = in_terminal(stored, "delete", "--prefix", "a", "--max-delete", "6", typed=b"y\n")
    assert screen.status == 2
    assert "[y/N]" not in screen.text
    assert _count(stored) == 8


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (None, 75)]
)
def test_signals_and_the_end_of_the_time_end_the_question(
    stored: Command, tmp_path: Path, number: signal.Signals | None, status: int
) -> None:
    near, far = system_module("pty").openpty()
    words: Words = ["delete", "--prefix", "a", "--report", tmp_path / "report"]
    words += ["--max-duration", "2s"] if number is None else []
    process = stored.having(TERM="xterm").start(*words, stdin=far, stdout=far, stderr=far)
    os.close(far)
    shown = b""
    while b"[y/N]" not in shown:
        shown += read_within(near, _WAIT_SECONDS)
    if number is not None:
        process.send_signal(number)
    while chunk := read_within(near, _WAIT_SECONDS):
        shown += chunk
    os.close(near)
    assert process.wait(_WAIT_SECONDS) == status
    assert b"Traceback" not in shown
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


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_the_question_about_a_plan(
    stored: Command, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    plan = tmp_path / "plan.jsonl"
    stored("delete", "--prefix", "a", "--plan", plan, status=0)
    near, far = system_module("pty").openpty()
    process = stored.having(TERM="xterm").start("apply", plan, stdin=far, stdout=far, stderr=far)
    os.close(far)
    shown = b""
    while b"[y/N]" not in shown:
        shown += read_within(near, _WAIT_SECONDS)
    process.send_signal(number)
    while chunk := read_within(near, _WAIT_SECONDS):
        shown += chunk
    os.close(near)
    assert process.wait(_WAIT_SECONDS) == status
    assert f"\r\nkvsctl: interrupted by {number.name}: nothing was changed\r\n".encode() in shown
    assert b"Traceback" not in shown
    assert _count(stored) == 8


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_the_question_for_a_protected_name(
    stored: Command, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[targets.local]\nprotected = true\n")
    protected = stored.having(KVSCTL_CONFIG=str(config), TERM="xterm")
    near, far = system_module("pty").openpty()
    process = protected.start("delete", "--prefix", "a", stdin=far, stdout=far, stderr=far)
    os.close(far)
    shown = b""
    while b"to continue: " not in shown:
        shown += read_within(near, _WAIT_SECONDS)
    process.send_signal(number)
    while chunk := read_within(near, _WAIT_SECONDS):
        shown += chunk
    os.close(near)
    assert process.wait(_WAIT_SECONDS) == status
    assert f"\r\nkvsctl: interrupted by {number.name}: nothing was sent\r\n".encode() in shown
    assert _count(stored) == 8
