"""Read a token from a file or a command, with bounds on size and time."""

import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kvsctl.service.auth.process_tree import kill_tree

MAX_TOKEN_BYTES: Final = 64 * 1024
"""The most that is read. A longer token would not fit into a request header."""


class TooMuchOutputError(Exception):
    """The file or the command gives more than `MAX_TOKEN_BYTES`."""


def file_bytes(path: Path) -> bytes:
    """Read a file or a pipe to its end. Raise OSError, ValueError or TooMuchOutputError."""
    with path.open("rb") as opened:
        return _bounded(opened.read(MAX_TOKEN_BYTES + 1))


class CommandStopper:
    """Lets another thread end a command: see `command_bytes`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_over = False

    def start(self, words: Sequence[str]) -> "subprocess.Popen[bytes]":
        """Start a command. Raise subprocess.TimeoutExpired after `end`."""
        with self._lock:
            if self._is_over:
                raise subprocess.TimeoutExpired(words, 0)
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
            )
            return self._process

    def end(self) -> None:
        """Kill the command with its children if it runs, and start no other."""
        with self._lock:
            self._is_over = True
            if self._process is not None:
                kill_tree(self._process)


def command_bytes(
    words: Sequence[str], timeout_seconds: float, stopper: CommandStopper | None = None
) -> tuple[int, bytes]:
    """Run a command and return its exit code and its stdout. Kill it if it does not end in time.

    Its children are killed with it. `stopper` can end it earlier. Raise OSError or ValueError if it
    cannot be run, TooMuchOutputError if it prints too much, and subprocess.TimeoutExpired if it, or
    a child that keeps its stdout open, does not end in time.
    """
    ends = time.monotonic() + timeout_seconds
    process = (stopper or CommandStopper()).start(words)
    printed: list[bytes] = []
    # In a thread: a child may keep the pipe open for ever, and Windows cannot select on a pipe.
    reader = threading.Thread(target=_read, args=(process, printed), daemon=True)
    reader.start()
    try:
        reader.join(timeout_seconds)
        if not printed:
            raise subprocess.TimeoutExpired(words, timeout_seconds)
        text = _bounded(printed[0])
        return process.wait(max(0.0, ends - time.monotonic())), text
    finally:
        if process.poll() is None:
            kill_tree(process)
            process.wait()


def _read(process: "subprocess.Popen[bytes]", printed: list[bytes]) -> None:
    assert process.stdout is not None  # noqa: S101
    with process.stdout as pipe:
        printed.append(pipe.read(MAX_TOKEN_BYTES + 1))


def _bounded(content: bytes) -> bytes:
    if len(content) > MAX_TOKEN_BYTES:
        raise TooMuchOutputError
    return content
