"""The version, by whichever way it is asked for."""

import subprocess
import sys
from pathlib import Path

from kvsctl import __version__
from tests.support.commands.command import Command
from tests.support.needs import IS_LINUX, only_on

_LINE = f"kvsctl {__version__}\n".encode()


def test_it_is_told_alone_and_before_anything_else(kvsctl: Command) -> None:
    assert kvsctl("--version", status=0).out == _LINE
    assert kvsctl("--version", "set", "--nonsense", status=0).out == _LINE


@only_on(IS_LINUX, "only Linux has a device that is always full")
def test_a_stdout_that_takes_nothing_is_told() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "kvsctl", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 5
    assert done.stderr.startswith(b"kvsctl: cannot write to stdout: ")
