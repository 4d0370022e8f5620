"""`kvsctl serve` as a process of its own."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.command import Command

_WAIT_SECONDS = 30


@contextmanager
def serving(kvsctl: Command, *words: str | Path) -> Iterator[str]:
    """A served emulator on a free port; gives its URL once it says that it is ready."""
    process = kvsctl.start(
        "serve", "--port", "0", *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().decode().strip()
        finally:
            process.send_signal(signal.SIGTERM)
            _, complaint = process.communicate(timeout=_WAIT_SECONDS)
    assert process.returncode == 0
    assert b"Traceback" not in complaint
