"""`kvsctl serve`, in a thread of this process or as a process of its own."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from unittest.mock import patch

from kvsctl.emulator.web.serve import SWITCH_SECONDS, ServeOptions, running
from tests.support.commands.command import Command

_WAIT_SECONDS: Final = 30


@contextmanager
def serving(kvsctl: Command, *words: str | Path) -> Iterator[str]:
    """Serve what `kvsctl serve WORDS` would serve, from a thread on a free port; yield the URL."""
    options = _options(kvsctl, *words)
    # As `serve` does: threads that wait for each other would take 5 ms a turn.
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        with running(options) as served:
            yield served.url
    finally:
        sys.setswitchinterval(before)


def _options(kvsctl: Command, *words: str | Path) -> ServeOptions:
    """Have the command line read the words, and return what it would serve."""
    given: list[ServeOptions] = []

    def take(options: ServeOptions, *_: object) -> int:
        given.append(options)
        return int(signal.SIGTERM)

    # The second is the command's log, which would last as long as this process.
    with patch("kvsctl.emulator.web.serve.serve", take), patch("logging.basicConfig"):
        kvsctl("serve", "--port", "0", *words, status=0)
    return given[0]


@contextmanager
def serving_process(kvsctl: Command, *words: str | Path) -> Iterator[str]:
    """Serve from a process; yield the URL once it says that it is ready."""
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
