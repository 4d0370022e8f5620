"""Take no new work when the time is up (`--max-duration`)."""

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from kvsctl.durations import duration_text
from kvsctl.errors import WorkLeft
from kvsctl.jobs.job import BatchJob


class Timed(Protocol):
    """What the time ends: see `bulk.run.Run`."""

    def run_out_of_time(self) -> None:
        """Take no new work; finish what was begun."""
        ...


class TimeLimit:
    """The time that a job has, from now on, by the clock of the running loop.

    It covers everything that the command does before its first request, too: the wait for a lock,
    `--check-first`, a token command.
    """

    def __init__(self, job: BatchJob) -> None:
        self._is_resumable = job.journal is not None
        self._seconds = job.schedule.max_duration_seconds
        self._loop = asyncio.get_running_loop()
        self.ends_at = math.inf if self._seconds is None else self._loop.time() + self._seconds
        """When the time is up."""
        self._has_ended_a_run = False

    @contextmanager
    def stopping(self, run: Timed) -> Iterator[None]:
        """Let `run` take no new work when the time is up, if that is inside the block."""
        if self._seconds is None:
            yield
            return

        def end() -> None:
            self._has_ended_a_run = True
            run.run_out_of_time()

        timer = self._loop.call_at(self.ends_at, end)
        try:
            yield
        finally:
            timer.cancel()

    def work_left(self) -> WorkLeft | None:
        """Return the error of a run that left work because the time was up; else None."""
        if self._seconds is None or not self._has_ended_a_run:
            return None
        again = (
            "Run the same command again to resume it."
            if self._is_resumable
            else "The same command starts over; with --journal FILE it would resume."
        )
        return WorkLeft(
            f"work is left: the time of --max-duration {duration_text(self._seconds)} is up", again
        )


def starting_over(job: BatchJob) -> str | None:
    """Return the warning for a job whose time is limited and whose input has no journal."""
    is_limited = job.schedule.max_duration_seconds is not None
    if not is_limited or job.journal is not None or not job.input.places:
        return None
    return (
        "--max-duration without --journal: the keys of the input are not remembered, so each run "
        "starts over with the first one"
    )
