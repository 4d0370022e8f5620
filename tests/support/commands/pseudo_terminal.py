"""A command on a terminal."""

import os
import select
from pathlib import Path

import pytest

from tests.support.commands.command import Command

_WAIT_SECONDS = 30


class Screen:
    """How a command ended, and all that it wrote to the terminal."""

    def __init__(self, status: int, text: str) -> None:
        self.status, self.text = status, text


def in_terminal(command: Command, *words: str | Path) -> Screen:
    """Run `kvsctl WORDS` with stdin, stdout and stderr on a pseudo-terminal."""
    near, far = pytest.importorskip("pty").openpty()  # Windows has none
    variables = {"TERM": "xterm", **command.variables}
    process = command.having(**variables).start(*words, stdin=far, stdout=far, stderr=far)
    os.close(far)
    shown = b""
    while chunk := read_within(near, _WAIT_SECONDS):
        shown += chunk
    os.close(near)
    return Screen(process.wait(_WAIT_SECONDS), shown.decode())


def read_within(fd: int, seconds: float) -> bytes:
    """Read what arrives next; b"" is the end. Fail if nothing arrives within `seconds`."""
    if not select.select([fd], [], [], seconds)[0]:
        raise AssertionError("nothing came")
    try:
        return os.read(fd, 65536)
    except OSError:  # Linux says so when the last process has left the terminal
        return b""
