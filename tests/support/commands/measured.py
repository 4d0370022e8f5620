"""A command that is fed, and the most memory that it had."""

import subprocess
import sys
from collections.abc import Iterable

from tests.support.commands.command import KVSCTL, Command

_MEASURED = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)
"""
"""A small process between the tests and kvsctl: a process is charged with what its parent held."""


def fed(
    command: Command, words: tuple[str, ...], chunks: Iterable[bytes] = ()
) -> tuple[int, bytes, bytes, int]:
    """Feed a command; return its exit code, what it printed, and its peak memory in KB."""
    log, out_path, peak = (command.home / name for name in ("err", "out", "peak"))
    with log.open("wb") as err, out_path.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", _MEASURED, peak, KVSCTL, *words],
            env=command.environ,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=err,
        )
        assert process.stdin is not None
        for chunk in chunks:
            process.stdin.write(chunk)
        process.stdin.close()
        status = process.wait()
    peak_kb = int(peak.read_text()) // (1024 if sys.platform == "darwin" else 1)
    return status, out_path.read_bytes(), log.read_bytes(), peak_kb
