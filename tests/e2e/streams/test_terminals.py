"""What a terminal shows."""

import re
from pathlib import Path

import pytest

from tests.support.commands.command import Command, records_file
from tests.support.commands.pseudo_terminal import in_terminal

_WAIT_SECONDS = 30


@pytest.fixture
def local(kvsctl: Command) -> Command:
    """kvsctl on the embedded target."""
    return kvsctl.having(KVSCTL_TARGET="local")


def test_nothing_to_work_on_shows_an_example(local: Command) -> None:
    ended = in_terminal(local, "get")
    assert ended.status == 2
    assert "For example: kvsctl get greeting" in ended.text


def test_progress_is_drawn_on_a_terminal_and_gone_at_the_end(
    local: Command, tmp_path: Path
) -> None:
    many = records_file(tmp_path / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(2000)])
    ended = in_terminal(local, "set", "-f", many)
    assert ended.status == 0
    assert "\x1b[2K" in ended.text
    assert "2,000 succeeded" in ended.text
    piped = local("set", "-f", many, status=0)
    assert b"\x1b" not in piped.err
    assert b"2,000 succeeded" in piped.err


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
    ended = in_terminal(local.having(**{"TERM": "xterm", **variables}), "set", "a=1")
    assert bool(re.search(r"\x1b\[[0-9;]+m", ended.text)) is has_colour


def test_colour_can_be_forced(local: Command) -> None:
    assert b"\x1b[" in local.having(FORCE_COLOR="1")("set", "a=1", status=0).err


def test_quiet_says_nothing(local: Command) -> None:
    ended = local("set", "a=1", "-q", status=0)
    assert (ended.out, ended.err) == (b"", b"")
