"""Take no new work when the time is up (`--max-duration`)."""

import asyncio
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final, NamedTuple, Protocol, Self

from kvsctl.durations import duration_text
from kvsctl.errors import ExitStatus, Interrupted, WorkLeft
from kvsctl.jobs.job import BatchJob, Schedule
from kvsctl.report.summary import RESUMES, STARTS_OVER

MORE_TIME: Final = "The same command starts over: give it more time."


class Untouched(NamedTuple):
    """What must happen before a job changes anything: `before`, such as "the listing was finished".

    `refusal` names what a job that ends earlier has not done. `hint` says what to do if it has
    ended because its time was up.
    """

    before: str
    refusal: str
    hint: str


class Timed(Protocol):
    """What a time limit ends: see `bulk.run.Run`."""

    def run_out_of_time(self) -> None:
        """Take no new work; finish what was begun."""
        ...


class TimeLimit:
    """The time that a job has from now on, by the clock of the running loop.

    `again` is the hint for users: what the same command does next time.

    The time covers everything before the first request, too: the wait for a lock, `--check-first`,
    a token command.
    """

    def __init__(self, schedule: Schedule, again: str = MORE_TIME) -> None:
        self._seconds = seconds = schedule.max_duration_seconds
        self._again = again
        self._loop = asyncio.get_running_loop()
        left = math.inf if seconds is None else seconds - schedule.spent_seconds
        self.ends_at = self._loop.time() + left
        """When the time is up."""
        self._has_ended_a_run = False

    @classmethod
    def of(cls, job: BatchJob) -> Self:
        """Return the time of a job, from now on."""
        if job.journal is not None:
            again = RESUMES
        elif (rest := job.only_the_rest) is not None:
            again = rest
        else:
            again = STARTS_OVER if job.takes_journal else MORE_TIME
        return cls(job.schedule, again)

    def stopping(self, run: Timed) -> AbstractContextManager[None]:
        """Let `run` take no new work once the time is up, if that happens inside the block."""
        return nullcontext() if self._seconds is None else self._stopping(run)

    @contextmanager
    def _stopping(self, run: Timed) -> Iterator[None]:
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
        return WorkLeft(
            f"work is left: the time of --max-duration {duration_text(self._seconds)} is up",
            self._again,
        )

    def ended_before(
        self, untouched: Untouched, interrupted: ExitStatus | None
    ) -> Interrupted | None:
        """Return the error of a job that was ended before it changed anything; None for others.

        `interrupted`: the exit code of the signal that has ended it; None: there was none.
        """
        before, refusal, hint = untouched
        if interrupted is not None:
            return Interrupted(f"interrupted before {before}: {refusal}", interrupted)
        if self._seconds is None or not self._has_ended_a_run:
            return None
        return Interrupted(
            f"the time of --max-duration {duration_text(self._seconds)} was up before {before}: "
            f"{refusal}",
            ExitStatus.WORK_LEFT,
            hint,
        )


def starting_over(job: BatchJob) -> str | None:
    """Return the warning for a job whose time is limited and whose input has no journal."""
    is_limited = job.schedule.max_duration_seconds is not None
    may_resume = job.journal is not None or job.repeats_cheaply or not job.takes_journal
    if not is_limited or may_resume or not job.input.places:
        return None
    return (
        "--max-duration without --journal: the keys of the input are not remembered, so each run "
        "starts over with the first one"
    )
