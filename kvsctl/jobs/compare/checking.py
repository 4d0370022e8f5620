"""Compare files with their manifests in a thread, so that the event loop goes on meanwhile."""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

from kvsctl.backups.checking import require_matching
from kvsctl.errors import ExitStatus, Interrupted
from kvsctl.jobs.cron.time_limit import MORE_TIME, TimeLimit, Untouched
from kvsctl.jobs.runner import Interrupts

_T = TypeVar("_T")


async def read_in_thread(
    read: Callable[[Callable[[], bool]], _T],
    interrupts: Interrupts,
    limit: TimeLimit,
    note: Callable[[str], None],
) -> tuple[_T, bool]:
    """Return what `read` returns, and whether it was stopped: its result then means nothing.

    A thread calls it, so that requests of other installations and signals are handled meanwhile.
    The function that it receives returns True once a signal has arrived or the time is up.
    """
    reading = _Reading()
    with interrupts.stopping(reading, note), limit.stopping(reading):
        found = await asyncio.to_thread(read, lambda: reading.is_stopped)
    return found, reading.is_stopped


async def compare_with_manifests(
    paths: Iterable[Path],
    interrupts: Interrupts,
    limit: TimeLimit,
    note: Callable[[str], None],
) -> None:
    """Raise UsageError if a file does not match the manifest beside it.

    Raise Interrupted if a signal arrives meanwhile, or if the time is up.
    """
    check = partial(require_matching, paths)
    _, is_stopped = await read_in_thread(check, interrupts, limit, note)
    if not is_stopped:
        return
    before, nothing = "the input was compared with its manifest", "nothing was sent"
    ended = limit.ended_before(Untouched(before, nothing, MORE_TIME), interrupts.interrupted)
    raise ended or Interrupted(f"interrupted before {before}: {nothing}", ExitStatus.WORK_LEFT)


class _Reading:
    """Reading files, which signals and a time limit can stop."""

    in_flight: int | None = None

    def __init__(self) -> None:
        self.is_stopped = False

    def stop(self) -> None:
        """See Stoppable."""
        self.is_stopped = True

    def abort(self) -> None:
        """See Stoppable."""
        self.is_stopped = True

    def run_out_of_time(self) -> None:
        """See Timed."""
        self.is_stopped = True
