"""A command on a terminal."""

import os
import select
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.commands.command import KVSCTL, Command, Ended
from tests.support.needs import system_module

_WAIT_SECONDS = 30


class Screen:
    """How a command ended, and all that it wrote to the terminal."""

    def __init__(self, status: int, text: str) -> None:
        self.status, self.text = status, text


def in_terminal(
    command: Command, *words: str | Path, typed: bytes = b"", columns: int | None = None
) -> Screen:
    """Run `kvsctl WORDS` with stdin, stdout and stderr on a pseudo-terminal.

    `typed` is what the user types; the terminal shows it, too. `columns`: how wide it is.
    """
    near, far = system_module("pty").openpty()  # Windows has none
    variables = {"TERM": "xterm", **command.variables}
    if columns is not None:
        system_module("termios").tcsetwinsize(far, (24, columns))
        variables["COLUMNS"] = ""
    process = command.having(**variables).start(*words, stdin=far, stdout=far, stderr=far)
    os.close(far)
    os.write(near, typed)
    shown = b""
    while chunk := read_within(near, _WAIT_SECONDS):
        shown += chunk
    os.close(near)
    return Screen(process.wait(_WAIT_SECONDS), shown.decode())


def signalled_in_terminal(
    command: Command, *words: str | Path, number: signal.Signals | None, at: bytes = b"[y/N]"
) -> Screen:
    """Run `kvsctl WORDS` as `in_terminal` does, with a signal once it has shown `at`."""
    near, far = system_module("pty").openpty()
    process = command.having(TERM="xterm").start(*words, stdin=far, stdout=far, stderr=far)
    os.close(far)
    shown = b""
    while at not in shown:
        chunk = read_within(near, _WAIT_SECONDS)
        assert chunk, shown
        shown += chunk
    if number is not None:
        process.send_signal(number)
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


def with_terminal_stderr(
    command: Command, *words: str | Path, status: int | None = None, stdin: bytes | None = None
) -> Ended:
    """Run `kvsctl WORDS` with only stderr on a pseudo-terminal, as in a pipe of a shell."""
    ended = run_with_terminal_stderr([KVSCTL, *words], command.environ, stdin=stdin)
    assert b"Traceback" not in ended.err, ended.err.decode()
    assert status in (None, ended.status), ended
    return ended


def run_with_terminal_stderr(
    words: Sequence[str | Path],
    environ: Mapping[str, str],
    *,
    stdin: bytes | None = None,
    folder: Path | None = None,
) -> Ended:
    """Run any program so. Line ends in `err` are those that it wrote."""
    near, far = system_module("pty").openpty()  # Windows has none
    shown: list[bytes] = []
    reader = threading.Thread(target=_read_to_end, args=(near, shown), daemon=True)
    reader.start()
    try:
        process = subprocess.Popen(
            words,
            env=environ,
            cwd=folder,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=far,
        )
    finally:
        os.close(far)
    with process:
        out, _ = process.communicate(stdin, _WAIT_SECONDS)
    reader.join(_WAIT_SECONDS)
    os.close(near)
    return Ended(process.returncode, out, b"".join(shown).replace(b"\r\n", b"\n"))


def _read_to_end(fd: int, shown: list[bytes]) -> None:
    while chunk := read_within(fd, _WAIT_SECONDS):
        shown.append(chunk)
