"""What a token's file or command says: never more than a token could need, and never for ever."""

import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 64 * 1024
"""No token is longer: it would not fit into the header of a request."""


class SaysTooMuchError(Exception):
    """There are more than `MOST_BYTES`."""


def file_bytes(path: Path) -> bytes:
    """A file's content, also a pipe's. Raises OSError, ValueError, SaysTooMuchError."""
    with path.open("rb") as opened:
        return _bounded(opened.read(MOST_BYTES + 1))


def command_bytes(words: Sequence[str], timeout_seconds: float) -> tuple[int, bytes]:
    """A command's exit code, and what it printed on stdout; one that does not end is killed.

    Raises OSError and ValueError where it cannot be run, SaysTooMuchError, and
    subprocess.TimeoutExpired, also if only what it started goes on.
    """
    ends = time.monotonic() + timeout_seconds
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    printed: list[bytes] = []
    # A thread, as a pipe that another process keeps open has no end, and Windows no select on it.
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
            process.kill()
            process.wait()


def _read(process: "subprocess.Popen[bytes]", printed: list[bytes]) -> None:
    assert process.stdout is not None  # noqa: S101
    with process.stdout as pipe:
        printed.append(pipe.read(MOST_BYTES + 1))


def _bounded(content: bytes) -> bytes:
    if len(content) > MOST_BYTES:
        raise SaysTooMuchError
    return content
