"""Kill a process and all that it has started.

A process group would do the same in one call. But a token command must stay in the group of kvsctl:
others may not read from the terminal, where it may ask for a password.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

_PS_SECONDS: Final = 5.0


def kill_tree(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process, its children, and theirs, if it has not ended. On Windows, kill it alone.

    A child whose parent has ended before belongs to nobody, and stays.
    """
    if process.poll() is not None:
        return
    if sys.platform != "win32":
        for pid in _stopped_below(process.pid):
            _send(pid, signal.SIGKILL)
    process.kill()


if sys.platform != "win32":

    def _stopped_below(root: int) -> list[int]:
        """Stop a process and all below it, so that none starts another. Return those below."""
        found: list[int] = []
        level = {root}
        while level:
            for pid in level:
                _send(pid, signal.SIGSTOP)
            parents = _parents()
            level = {pid for pid, parent in parents.items() if parent in level}
            found += level
        return found

    def _send(pid: int, number: signal.Signals) -> None:
        with suppress(OSError):  # it has ended, or belongs to another user
            os.kill(pid, number)

    def _parents() -> Mapping[int, int]:
        """Return the parent of each process."""
        return dict(_from_proc() if sys.platform == "linux" else _from_ps())

    def _from_proc() -> Iterator[tuple[int, int]]:
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with suppress(OSError):  # it has ended
                    # PID (NAME) STATE PARENT …, and NAME may hold anything
                    state = (folder / "stat").read_bytes().rpartition(b")")[2].split()
                    yield int(folder.name), int(state[1])

    def _from_ps() -> Iterator[tuple[int, int]]:
        words = ["/bin/ps", "-A", "-o", "pid=,ppid="]
        with suppress(OSError, subprocess.SubprocessError):
            listed = subprocess.run(words, capture_output=True, timeout=_PS_SECONDS, check=True)
            for line in listed.stdout.splitlines():
                pid, parent = line.split()
                yield int(pid), int(parent)
