"""Give units to a crew, one after the other, and collect how they ended."""

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import Final

from kvsctl.bulk.stopping import retrieve_error
from kvsctl.errors import RUN_AGAIN, ExitStatus
from kvsctl.jobs.cron.lock import locked
from kvsctl.jobs.fan_out.crews import Crew
from kvsctl.jobs.fan_out.ending import FanOutEnding
from kvsctl.jobs.fan_out.job import FanOutJob
from kvsctl.jobs.fan_out.progress import UnitsProgress
from kvsctl.jobs.fan_out.unit import Unit, UnitEnd
from kvsctl.jobs.fan_out.worker import carry_out
from kvsctl.jobs.replacing import require_replaceable
from kvsctl.jobs.runner import Interrupts
from kvsctl.report.console import Environment
from kvsctl.report.document import ReportFile

MOST_DEATHS: Final = 3
"""How many workers may die with a unit before it counts as failed."""
_LOOK_SECONDS: Final = 0.5
"""How often to check whether waiting for a unit in flight still makes sense."""


class FanOut:
    """Units on their way through a crew: see `bulk.run.Run` for how it is stopped.

    At most one unit per worker is submitted at a time, and its future is released when it is done.
    `most_at_once`: how many units may be in flight, if that is fewer than there are workers.
    `note` receives each end as it comes, and `say` a line for people. While `may_begin` is false,
    no unit begins.
    """

    def __init__(
        self,
        units: Sequence[Unit],
        crew: Crew,
        note: Callable[[UnitEnd], None],
        say: Callable[[str], None],
        status: Callable[[], ExitStatus | None],
        may_begin: Callable[[], bool] = lambda: True,
        *,
        most_at_once: int | None = None,
    ) -> None:
        self._left = deque(units)
        self._crew = crew
        self._note = note
        self._say = say
        self._status = status
        self._may_begin = may_begin
        self._most_at_once = crew.size if most_at_once is None else min(crew.size, most_at_once)
        self._is_stopped = False
        self._aborted_at: float | None = None
        self._deaths: Counter[str] = Counter()
        self.in_flight = 0

    def stop(self) -> None:
        """Take no new units. Those in flight finish the requests in flight."""
        self._is_stopped = True
        self._crew.send_stop(self._status() or ExitStatus.TERMINATED, is_abort=False)

    def abort(self) -> None:
        """Take no new units, and cut off those in flight."""
        self._is_stopped = True
        self._aborted_at = asyncio.get_running_loop().time()
        self._crew.send_stop(self._status() or ExitStatus.TERMINATED, is_abort=True)

    async def work(self) -> None:
        """Carry out all units, or as many as begin before it is stopped."""
        lanes = min(self._most_at_once, len(self._left))
        try:
            await asyncio.gather(*(self._lane() for _ in range(lanes)))
            if (gone := self._crew.gone) is not None and not self._is_stopped:
                while self._left:
                    self._note(_out_of_reach(self._left.popleft(), gone))
        finally:
            if self._left or self.in_flight:
                self.stop()

    async def _lane(self) -> None:
        """Give units to one worker after the other, while there are any."""
        while self._has_next:
            async with self._crew.executor() as executor:
                while self._has_next:
                    unit = self._left.popleft()
                    end = await self._end_of(unit, executor)
                    if end is None:
                        self._handle_death(unit)
                        break
                    self._note(end)

    @property
    def _has_next(self) -> bool:
        is_over = not self._left or self._is_stopped or self._crew.gone is not None
        return not is_over and self._may_begin()

    async def _end_of(self, unit: Unit, executor: Executor) -> UnitEnd | None:
        """Return how a unit ended; None if its worker died, or the unit was abandoned."""
        self.in_flight += 1
        try:
            future = asyncio.wrap_future(executor.submit(carry_out, unit))
            future.add_done_callback(retrieve_error)  # an abandoned one may fail later
            while not (future.done() or self._is_abandoned):
                await asyncio.wait([future], timeout=_LOOK_SECONDS)
            # A cancelled future is one of a cluster that is gone. Cancelling an abandoned one would
            # send a request to that cluster.
            return future.result() if future.done() and not future.cancelled() else None
        except self._crew.lost:
            return None
        finally:
            self.in_flight -= 1

    @property
    def _is_abandoned(self) -> bool:
        """Whether units in flight will not end, or not soon enough after an abort."""
        if self._crew.gone is not None:
            return True
        if self._aborted_at is None:
            return False
        return asyncio.get_running_loop().time() >= self._aborted_at + self._crew.abort_seconds

    def _handle_death(self, unit: Unit) -> None:
        self._deaths[unit.name] += 1
        if self._is_stopped:
            self._note(UnitEnd(unit.name, self._status() or ExitStatus.TERMINATED))
        elif (gone := self._crew.gone) is not None:
            self._note(_out_of_reach(unit, gone))
        elif unit.is_repeatable and self._deaths[unit.name] < MOST_DEATHS:
            self._say(f"{unit.name}: its worker died, so it is given to another one")
            self._left.appendleft(unit)
        else:
            again = "" if unit.is_repeatable else ", and it must not be repeated"
            error = (f"{unit.name}: its worker died{again}", RUN_AGAIN)
            self._note(UnitEnd(unit.name, ExitStatus.STREAM, errors=[error]))


def _out_of_reach(unit: Unit, gone: tuple[str, str]) -> UnitEnd:
    """Return the end of a unit whose crew is gone."""
    message, hint = gone
    errors = [(f"{unit.name}: {message}", hint)]
    return UnitEnd(unit.name, ExitStatus.UNREACHABLE, errors=errors)


async def run_fan_out(
    job: FanOutJob, environment: Environment, interrupts: Interrupts
) -> ExitStatus:
    """Carry out a job in parts, report their sum, and return its exit status.

    Raise UsageError, before a unit begins, if the report cannot be opened or there is no crew, and
    WorkLeft if another run holds the job's lock.
    """
    require_replaceable(job.reporting, writes_failures=False, manifest_path=None)
    async with locked(job, math.inf, environment):
        crew, report = job.crew_of(), None
        try:
            if job.reporting.report_path is not None:
                report = ReportFile(job.reporting.report_path)
            progress = UnitsProgress(job, environment)
            environment = progress.environment
            ending = FanOutEnding(job, environment, report, datetime.now(UTC))
            started = time.monotonic()
            say = _silence if job.reporting.quiet else environment.note

            def take(end: UnitEnd) -> None:
                progress.note(end)
                ending.take(end)

            with progress.working() as units:
                fan_out = FanOut(units, crew, take, say, lambda: interrupts.interrupted)
                with interrupts.stopping(fan_out, say, "unit"):
                    await fan_out.work()
            return ending.publish(interrupts.interrupted, time.monotonic() - started)
        finally:
            crew.close()
            if report is not None:
                report.close()


def _silence(_text: str, _hint: str | None = None) -> None:
    """Show nothing, for quiet jobs."""
