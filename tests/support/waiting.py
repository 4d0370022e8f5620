"""Wait for something that another process does: the only place where tests sleep for real.

Where there is an event (a line of output, a connection, a closed pipe), wait for that instead.
"""

import time
from collections.abc import Callable
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
