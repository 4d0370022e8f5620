"""The process's environment is read correctly, and a failing stderr never ends a command."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from msgspec.structs import replace

from kvsctl.report.colour import has_colour
from kvsctl.report.console import Environment
from tests.support.needs import system_module
from tests.support.terminal import stderr

NOWHERE = Environment(
    stdout_fd=None,
    stderr_fd=None,
    stdout_is_terminal=False,
    stderr_is_terminal=False,
    stderr_has_colour=False,
    can_redraw=False,
    width=80,
)


@pytest.mark.parametrize(
    ("variables", "is_terminal", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"TERM": "xterm-256color"}, True, True),
        ({"TERM": "dumb"}, True, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": ""}, False, False),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
    ],
)
def test_colour(variables: dict[str, str], is_terminal: bool, expected: bool) -> None:
    assert has_colour(variables, is_terminal=is_terminal) is expected


@contextmanager
def stderr_on_a_terminal(columns: int) -> Iterator[None]:
    """Point stderr to a terminal with `columns` columns inside the context."""
    pty, termios = system_module("pty"), system_module("termios")
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, columns))
    saved = os.dup(2)
    os.dup2(slave, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        for fd in (saved, master, slave):
            os.close(fd)


@pytest.mark.parametrize(
    ("variables", "width", "can_redraw"),
    [
        ({"TERM": "xterm"}, 57, True),
        ({"TERM": "xterm", "COLUMNS": "132"}, 132, True),
        ({"TERM": "xterm", "COLUMNS": "wide"}, 57, True),
        ({"TERM": "xterm", "COLUMNS": "3"}, 20, True),
        ({"TERM": "dumb"}, 57, False),
    ],
)
def test_a_terminal(variables: dict[str, str], width: int, can_redraw: bool) -> None:
    with stderr_on_a_terminal(57):
        environment = Environment.of_process(variables)
    assert environment.stderr_is_terminal
    assert (environment.width, environment.can_redraw) == (width, can_redraw)
    assert environment.stderr_has_colour is can_redraw


def test_a_terminal_without_a_width() -> None:
    with stderr_on_a_terminal(0):
        assert Environment.of_process({"TERM": "xterm"}).width == 80


def test_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "isatty", lambda fd: False)
    environment = Environment.of_process({})
    assert (environment.stdout_fd, environment.stderr_fd) == (1, 2)
    assert not environment.can_redraw
    assert environment.width == 100


def test_a_closed_descriptor_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("__stdout__", "__stderr__"):
        monkeypatch.setattr(f"sys.{name}", None)
    environment = Environment.of_process({})
    assert (environment.stdout_fd, environment.stderr_fd) == (None, None)
    environment.write_line("nobody reads this")


def test_characters_that_the_encoding_lacks_are_escaped() -> None:
    reader, writer = os.pipe()
    environment = replace(NOWHERE, stderr_fd=writer, encoding="ascii")
    environment.write_line("caf\xe9")
    assert os.read(reader, 100) == b"caf\\xe9\n"
    os.close(reader)
    environment.write_line("nobody reads this")
    os.close(writer)


def test_warnings_break_between_words_on_a_terminal_alone() -> None:
    text = 'column "plz": --infer-types left some cells strings (see addresses.csv:2)'
    with stderr(40, is_terminal=True) as (environment, read):
        environment.warn(text)
        rows = read().splitlines()
    assert rows == [
        'kvsctl: warning: column "plz":',
        "  --infer-types left some cells strings",
        "  (see addresses.csv:2)",
    ]
    with stderr(40) as (environment, read):
        environment.warn(text)
        assert read() == f"kvsctl: warning: {text}\n"
