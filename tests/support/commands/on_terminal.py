"""Run a process whose stderr, and optionally whose stdout, is a terminal."""

import os
import pty
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_TIMEOUT_SECONDS: Final = 60
_PIECE_BYTES: Final = 1 << 16


def run_on_terminal(
    words: Sequence[str | Path],
    environ: Mapping[str, str],
    *,
    stdin: bytes | None = None,
    folder: Path | None = None,
    has_stdout: bool = False,
) -> tuple[int, bytes, bytes]:
    """Return the exit code, what was written to stdout, and what to the terminal.

    `has_stdout`: stdout is the terminal, too. Line ends are those that the process wrote.
    """
    master, slave = pty.openpty()
    shown: list[bytes] = []
    reader = threading.Thread(target=_read, args=(master, shown), daemon=True)
    source: Mapping[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {}
    reader.start()
    try:
        done = subprocess.run(
            words,
            env=environ,
            cwd=folder,
            input=stdin,
            stdout=slave if has_stdout else subprocess.PIPE,
            stderr=slave,
            timeout=_TIMEOUT_SECONDS,
            check=False,
            **source,
        )
    finally:
        os.close(slave)
        reader.join(_TIMEOUT_SECONDS)
        os.close(master)
    return done.returncode, done.stdout or b"", b"".join(shown).replace(b"\r\n", b"\n")


def _read(master: int, shown: list[bytes]) -> None:
    while True:
        try:
            piece = os.read(master, _PIECE_BYTES)
        except OSError:  # Linux: no process has the terminal open any more
            return
        if not piece:
            return
        shown.append(piece)
