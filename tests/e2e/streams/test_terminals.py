"""What a terminal shows."""

import json
import re
from pathlib import Path

import pytest

from tests.support.commands.command import Command
from tests.support.commands.pseudo_terminal import in_terminal, with_terminal_stderr

_WAIT_SECONDS = 30


@pytest.fixture
def local(kvsctl: Command) -> Command:
    """kvsctl on the embedded target."""
    return kvsctl.having(KVSCTL_TARGET="local")


def dumb(command: Command) -> Command:
    """The command on a terminal without a progress bar."""
    return command.having(TERM="dumb")


def test_nothing_to_work_on_shows_an_example(local: Command) -> None:
    ended = in_terminal(local, "get")
    assert ended.status == 2
    assert "For example: kvsctl get greeting" in ended.text


def test_terminal_codes_in_keys_and_messages_are_shown_not_obeyed(local: Command) -> None:
    ended = in_terminal(local, "get", "evil\x1b]0;title\x07[red]")
    assert ended.status == 1
    assert "\x1b]0;" not in ended.text
    assert "\\x1b]0;title" in ended.text
    assert "[red]" in ended.text


@pytest.mark.parametrize(
    ("variables", "has_colour"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colour_on_a_terminal(
    local: Command, variables: dict[str, str], *, has_colour: bool
) -> None:
    ended = in_terminal(local.having(**{"TERM": "xterm", **variables}), "set", "-v", "a=1")
    assert bool(re.search(r"\x1b\[[0-9;]+m", ended.text)) is has_colour


@pytest.mark.parametrize("words", [["set", "a=1", "b=2"], ["get", "k"], ["delete", "k", "none"]])
def test_what_was_typed_and_succeeded_needs_no_report(local: Command, words: list[str]) -> None:
    local("set", "k=1", status=0)
    assert with_terminal_stderr(dumb(local), *words, status=0).err == b""
    assert b"succeeded" in with_terminal_stderr(dumb(local), *words, "-v", status=0).err
    assert b"succeeded" in local(*words, status=0).err, "a log has it"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["set", "a=1", "a=2"], b"1 duplicate"),
        (["set", "-n", "a=1"], b"DRY RUN"),
        (["set", "a/=1"], b"1 failed"),
        (["get", "none", "--ignore-missing"], b"1 skipped"),
        (["set", "-f", "-"], b"1 succeeded"),
    ],
)
def test_anything_else_has_its_report_on_a_terminal(
    local: Command, words: list[str], shown: bytes
) -> None:
    ended = with_terminal_stderr(dumb(local), *words, stdin=b'{"key":"k","value":1}\n')
    assert shown in ended.err


def test_the_files_of_a_report_are_written_without_one_on_the_terminal(
    local: Command, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    ended = with_terminal_stderr(dumb(local), "set", "a=1", "--report", report, status=0)
    assert ended.err == b""
    assert json.loads(report.read_bytes())["succeeded"] == 1


def test_colour_can_be_forced(local: Command) -> None:
    assert b"\x1b[" in local.having(FORCE_COLOR="1")("set", "a=1", status=0).err


def test_quiet_says_nothing(local: Command) -> None:
    ended = local("set", "a=1", "-q", status=0)
    assert (ended.out, ended.err) == (b"", b"")
