"""Consecutive runs as one, which signals, outputs and a time limit can stop."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable

from kvsctl.bulk.run import Run
from kvsctl.bulk.stopping import error_of
from kvsctl.errors import KvsctlError
from kvsctl.jobs.cron.time_limit import Untouched
from kvsctl.listing.run import ListingRun


class Stages(ABC):
    """Carries out runs one after the other: see `_work`.

    `_is_whole` is True once everything was done. Between two runs, a stop cancels `_work`.
    """

    def __init__(self) -> None:
        self._current: Run | ListingRun | None = None
        self._task: asyncio.Task[None] | None = None
        self._error: KvsctlError | None = None
        self._is_stopping = False
        self._is_whole = False
        self._is_torn = False

    @abstractmethod
    async def _work(self) -> None:
        """Do everything, each run by `_carry_out`. Raise the KvsctlError that ends it early."""

    @property
    def untouched(self) -> Untouched | None:
        """What the runs must do before anything changes; None once something may have changed."""
        return None

    @property
    def in_flight(self) -> int | None:
        """How many requests are in flight that `stop` waits for. See Stoppable for None."""
        count = 0 if self._current is None else self._current.in_flight
        return None if not count and self.untouched is not None else count

    @property
    def is_cut_short(self) -> bool:
        """Whether the job was stopped before its end."""
        return self._is_stopping and not self._is_whole

    @property
    def is_torn(self) -> bool:
        """Whether a listener has crashed: see `bulk.events.Emitter`."""
        return self._is_torn or (self._current is not None and self._current.is_torn)

    async def work(self) -> KvsctlError | None:
        """Work until all is done, or until the job is stopped. Return the error that ended it."""
        self._task = asyncio.create_task(self._work())
        error = await error_of(self._task)
        self._error = self._error or error
        return self._error

    def stop(self, error: KvsctlError | None = None) -> None:
        """Send no more. Finish requests in flight; leave a question unanswered."""
        if not self._is_stopping:
            self._is_stopping, self._error = True, self._error or error
        if self._current is not None:
            self._current.stop(error)
        elif self._task is not None:
            self._task.cancel()

    def run_out_of_time(self) -> None:
        """Take no new work, and finish what was begun."""
        if self._current is None:
            self.stop()
        else:
            self._is_stopping = True
            self._current.run_out_of_time()

    def abort(self) -> None:
        """Stop at once."""
        self.stop()
        if self._current is not None:
            self._current.abort()

    def wake(self) -> None:
        """Make the job check the pressure again. Call this when it has changed."""
        if self._current is not None:
            self._current.wake()

    async def _carry_out(
        self, run: Run | ListingRun, work: Callable[[], Awaitable[KvsctlError | None]]
    ) -> None:
        """Carry out a run. Raise the error that ended it early, if any."""
        self._current = run
        try:
            error = await work()
        finally:
            self._is_torn = self._is_torn or run.is_torn
            self._current = None
        if error is not None:
            raise error
