"""Wait for something that another process does: the only place where tests sleep for real.

Where there is an event (a line of output, a connection, a closed pipe), wait for that instead.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")


def wait_for(attempt: Callable[[], _T | None], seconds: float = 60) -> _T:
    """Return what `attempt()` returns once that is not None. Fail if it is None for so long."""
    deadline = time.monotonic() + seconds
    while (result := attempt()) is None:
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)
    return result


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Return once `holds()` is true. Fail if it is not within so many seconds."""
    wait_for(lambda: holds() or None, seconds)


def has_ended(pid: int) -> bool:
    """Return whether a process has ended, even if its parent never asks for its exit code."""
    try:
        os.kill(pid, 0)
        state = Path("/proc", str(pid), "stat").read_bytes().rpartition(b")")[2].split()[0]
    except ProcessLookupError:
        return True
    except OSError:  # this system has no such file, or has it no longer
        return False
    return state == b"Z"
