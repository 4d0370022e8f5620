"""A command that waits for input from a terminal says so, and how to end it."""

from pathlib import Path

import pytest

from tests.support.commands.command import Command
from tests.support.commands.pseudo_terminal import in_terminal, with_terminal_stderr

_SAID = "kvsctl: reading stdin, Ctrl-D ends"
_RECORD = b'{"key":"a","value":1}\n\x04'


@pytest.fixture
def local(kvsctl: Command) -> Command:
    return kvsctl.having(KVSCTL_TARGET="local")


@pytest.mark.parametrize(
    ("words", "typed"),
    [
        (["set", "-f", "-"], _RECORD),
        (["set", "-n", "-f", "-"], _RECORD),
        (["get", "b", "-f", "-", "--ignore-missing"], b"a\n\x04"),
        (["delete", "-f", "-"], b"a\n\x04"),
        (["set", "-f", "/dev/stdin"], _RECORD),
        (["set", "-n", "-f", "/dev/fd/0"], _RECORD),
    ],
)
def test_it_is_said(local: Command, words: list[str], typed: bytes) -> None:
    screen = in_terminal(local, *words, typed=typed)
    assert screen.status == 0, screen.text
    assert screen.text.count(_SAID) == 1


def test_it_is_said_by_diff(local: Command, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text('{"key":"a","value":1}\n', "utf-8")
    compared = in_terminal(local, "diff", "-f", "-", "--with", other, typed=_RECORD)
    assert (compared.status, _SAID in compared.text) == (0, True), compared.text


@pytest.mark.parametrize("words", [["set", "a=1"], ["set", "-q", "-f", "-"], ["get", "a"]])
def test_it_is_not_said_otherwise(local: Command, words: list[str]) -> None:
    local("set", "a=1", status=0)
    assert _SAID not in in_terminal(local, *words, typed=_RECORD).text


def test_a_pipe_needs_no_word_of_it(local: Command) -> None:
    piped = with_terminal_stderr(local, "set", "-f", "-", stdin=_RECORD[:-1], status=0)
    assert _SAID.encode() not in piped.err
