"""The CPU time of processes."""

import os
from pathlib import Path


def cpu_seconds_of_ended() -> float:
    """Return the CPU time of all child processes that have ended, finer than os.times() does."""
    import resource  # not at the top: Windows has none

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cpu_seconds_of(process: int) -> float:
    """Return the CPU time that a process has taken so far; Linux only."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
