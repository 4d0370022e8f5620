"""What a page shows, typed on a terminal: y, where a command asks."""

import os
import re
import subprocess
from typing import Final

from tests.support.commands.command import KVSCTL, Command
from tests.support.commands.pseudo_terminal import read_within
from tests.support.needs import system_module

_WAIT_SECONDS: Final = 60


def run_typed(command: Command, line: str, *, status: int = 0) -> str:
    """Run a line of a shell on a terminal, answer y to all questions, and return what it shows."""
    near, far = system_module("pty").openpty()
    system_module("termios").tcsetwinsize(far, (24, 200))
    environ = command.environ | {"TERM": "dumb", "COLUMNS": ""}
    environ["PATH"] = f"{KVSCTL.parent}:{environ['PATH']}"
    process = subprocess.Popen(
        ["bash", "-c", line], env=environ, cwd=command.home, stdin=far, stdout=far, stderr=far
    )
    os.close(far)
    os.write(near, b"y\n" * 3)
    shown = b""
    while chunk := read_within(near, _WAIT_SECONDS):
        shown += chunk
    os.close(near)
    text = shown.decode().replace("\r\n", "\n")
    assert process.wait(_WAIT_SECONDS) == status, f"$ {line}\n{text}"
    return text


def with_pass(command: Command, token: str) -> Command:
    """Return the command on a machine where `pass show forge/NAME` prints a token."""
    script = command.home / "bin/pass"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/sh\ntest "$1" = show || exit 1\ncase "$2" in forge/*) echo {token};; esac\n'
    )
    script.chmod(0o755)
    return command.having(PATH=f"{script.parent}:{command.environ['PATH']}")


def run_lines(command: Command, script: str) -> list[str]:
    """Run each line of a block, which must succeed; return what each shows."""
    return [run_typed(command, line) for line in re.sub(r"\\\n", "", script).splitlines()]
