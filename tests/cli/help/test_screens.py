"""Pages as they look on a terminal: as wide as it is, and in no colour that a background hides."""

import os
import re
import subprocess
from collections.abc import Mapping

import pytest

from tests.support.commands.command import KVSCTL, Command
from tests.support.commands.pseudo_terminal import read_within
from tests.support.needs import IS_POSIX, only_on, system_module

_BOLD = re.compile(r"\x1b\[(?:1|0)m")

pytestmark = [pytest.mark.slow, only_on(IS_POSIX, "Windows has no pseudo-terminals")]


def _screen(environ: Mapping[str, str], columns: int, *words: str) -> str:
    """Return what a terminal of this width receives."""
    near, far = system_module("pty").openpty()
    system_module("termios").tcsetwinsize(far, (50, columns))
    kept = {name: value for name, value in environ.items() if name != "COLUMNS"}
    with subprocess.Popen(
        [KVSCTL, *words],
        env={"TERM": "xterm", **kept},
        stdin=far,
        stdout=far,
        stderr=far,
    ):
        os.close(far)
        shown = b""
        while chunk := read_within(near, 30):
            shown += chunk
    os.close(near)
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("words", [("set", "--help"), ("help", "tuning"), ()], ids=" ".join)
@pytest.mark.parametrize(("columns", "most"), [(80, 80), (100, 100), (140, 100)])
def test_a_page_is_as_wide_as_the_terminal_up_to_100_columns(
    kvsctl: Command, words: tuple[str, ...], columns: int, most: int
) -> None:
    shown = _BOLD.sub("", _screen(kvsctl.environ, columns, *words))
    longest = max(
        len(line) for line in shown.splitlines() if not line.startswith("  Documentation")
    )
    assert most - 15 < longest <= most


def test_headings_and_names_are_bold_and_nothing_has_a_colour(kvsctl: Command) -> None:
    shown = _screen(kvsctl.environ, 100, "set", "--help")
    assert "\n\x1b[1mInput\x1b[0m:\n" in shown
    assert "  \x1b[1m-f, --file FILE\x1b[0m  " in shown
    assert "\x1b" not in _BOLD.sub("", shown)


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_a_page_is_plain_where_that_is_wanted(kvsctl: Command, variable: Mapping[str, str]) -> None:
    plain = _screen({**kvsctl.environ, **variable}, 100, "set", "--help")
    assert "\x1b" not in plain
    assert plain == _BOLD.sub("", _screen(kvsctl.environ, 100, "set", "--help"))


def test_a_pipe_gets_the_same_page_without_bold_names(kvsctl: Command) -> None:
    piped = kvsctl.process("set", "--help", status=0).out.decode()
    assert piped == _BOLD.sub("", _screen(kvsctl.environ, 100, "set", "--help"))
