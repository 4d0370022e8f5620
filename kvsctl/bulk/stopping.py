"""Whether a run ends early, why, and how long it still reads back what it wrote."""

import asyncio
import math
from collections.abc import Callable
from typing import Any

from kvsctl.errors import KvsctlError


class Stopping:
    """The early end of a run, if there is one.

    A run that stops sends nothing new. Records in flight are finished. Records that were written
    and wait to be verified may be read back for `read_back_seconds`, unless an error ended the run.

    A run whose time is up does more in these seconds: it finishes what was begun, see `finishes`.

    `now` returns monotonic seconds.
    """

    def __init__(self, now: Callable[[], float], read_back_seconds: float) -> None:
        self._now = now
        self._read_back_seconds = read_back_seconds
        self._reads_back_until = -math.inf
        self.is_stopping = False
        self.finishes = False
        """Whether records with an unanswered attempt are still retried, until `deadline`."""
        self.error: KvsctlError | None = None
        """The first error of the run or its input. After one of the input, the run continues."""
        self.crash: BaseException | None = None
        """A defect: the run raises it."""

    def begin(self, error: KvsctlError | None = None) -> None:
        """Stop, because of `error` or on request. Only the first call counts.

        An error that was noted before is kept: failed input matters more than the later end. While
        a run finishes what it has begun, a second call ends that, and its error counts.
        """
        if self.is_stopping:
            if self.finishes and error is not None:
                self.error = self.error or error
                self._reads_back_until = -math.inf
            self.finishes = False
            return
        self.is_stopping, self.error = True, self.error or error
        if error is None:
            self._reads_back_until = self._now() + self._read_back_seconds

    def run_out_of_time(self) -> None:
        """Stop, and finish what was begun. Do nothing if the run stops already."""
        if not self.is_stopping:
            self.begin()
            self.finishes = True

    def cut_off(self) -> None:
        """Stop, and read nothing back."""
        self.begin()
        self._reads_back_until = -math.inf

    def note_crash(self, crash: BaseException) -> None:
        """Stop because of a defect, and read nothing back."""
        self.crash = crash
        self.cut_off()

    def note_error(self, error: KvsctlError) -> None:
        """Keep an error of the input without stopping: what was read before is still sent."""
        self.error = self.error or error

    @property
    def may_read_back(self) -> bool:
        """Whether a stopping run may still read back what it wrote."""
        return self._now() < self._reads_back_until

    @property
    def takes_errors(self) -> bool:
        """Whether `begin` still takes an error."""
        return not self.is_stopping or (self.finishes and self.may_read_back)

    @property
    def deadline(self) -> float | None:
        """When a stopping run may no longer read back; None if it may not, or does not stop."""
        return self._reads_back_until if self.may_read_back else None


async def error_of(task: asyncio.Task[None]) -> KvsctlError | None:
    """Wait until a task has ended. Return the error that ended it; None if it was cancelled.

    The task is cancelled if the wait is. Other exceptions of the task are raised.
    """
    waiting = asyncio.current_task()
    assert waiting is not None  # noqa: S101
    requests = waiting.cancelling()
    error: KvsctlError | None = None
    try:
        await task  # not asyncio.wait, which is too slow for many small runs
    except KvsctlError as raised:
        error = raised
    except asyncio.CancelledError:
        if waiting.cancelling() == requests:
            return None
        raise
    if waiting.cancelling() > requests:
        raise asyncio.CancelledError
    return error


def retrieve_error(future: asyncio.Future[Any]) -> None:
    """Take the error of a task or future that has ended, so that asyncio does not print it.

    It is the callback of futures that can fail after they were cancelled or abandoned.
    """
    if not future.cancelled():
        future.exception()
