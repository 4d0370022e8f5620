"""The runs of several installations as one, which signals can stop."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from kvsctl.errors import ExitStatus
from kvsctl.jobs.runner import Interrupts
from kvsctl.jobs.signals import Stoppable


class Runs:
    """All runs at work. It is stopped as one run, and stops each of them.

    Each of them has it as its Interrupts.
    """

    def __init__(self, outer: Interrupts) -> None:
        self._outer = outer
        self._at_work: set[Stoppable] = set()
        self._question: asyncio.Task[None] | None = None
        self.is_stopping = False
        self.asked_seconds = 0.0
        """How long the user was asked."""

    @property
    def interrupted(self) -> ExitStatus | None:
        """See Interrupts."""
        return self._outer.interrupted

    @interrupted.setter
    def interrupted(self, status: ExitStatus | None) -> None:
        self._outer.interrupted = status

    @contextmanager
    def stopping(
        self, run: Stoppable, note: Callable[[str], None], noun: str = "request"
    ) -> Iterator[None]:
        """See Interrupts. A run that begins after a stop is stopped as well."""
        del note, noun
        self._at_work.add(run)
        if self.is_stopping:
            run.stop()
        try:
            yield
        finally:
            self._at_work.discard(run)

    async def answered(self, asking: Coroutine[Any, Any, None]) -> bool:
        """Wait for the answer to a question. Return whether there is one: a stop ends the wait.

        Raise what asking raises.
        """
        self._question = asyncio.create_task(asking)
        began = time.monotonic()
        try:
            await self._question
        except asyncio.CancelledError:
            if not self._question.cancelled():
                raise
            return False
        finally:
            self._question = None
            self.asked_seconds += time.monotonic() - began
        return True

    def give_up_asking(self) -> None:
        """Wait no longer for an answer."""
        if self._question is not None:
            self._question.cancel()

    @property
    def in_flight(self) -> int | None:
        """See Stoppable."""
        if self._question is not None:
            return None
        return sum(run.in_flight or 0 for run in self._at_work)

    def stop(self) -> None:
        """See Stoppable."""
        self.is_stopping = True
        self.give_up_asking()
        for run in list(self._at_work):
            run.stop()

    def abort(self) -> None:
        """See Stoppable."""
        self.is_stopping = True
        for run in list(self._at_work):
            run.abort()
