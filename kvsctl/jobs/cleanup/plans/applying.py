"""Carry out a plan: delete records first, and then give others a ttl."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol

from msgspec.structs import replace

from kvsctl.bulk.events import Listener
from kvsctl.bulk.feeds import Feed
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.plan import Pressure
from kvsctl.bulk.run import Run
from kvsctl.jobs.cleanup.plans.records import PlannedExpiry, PlannedRecord
from kvsctl.jobs.cleanup.stages import Stages
from kvsctl.jobs.job import BatchJob
from kvsctl.model import PieceList, Verb
from kvsctl.outputs.undo_file import UndoFile
from kvsctl.service.client import StoreClient


class Around(Protocol):
    """What carrying out a plan needs of the listeners of its job: see `jobs.listeners`."""

    @property
    def listeners(self) -> list[Listener]:
        """The listeners of the job, in order."""
        ...

    @property
    def undo(self) -> UndoFile | None:
        """Where records are kept before they are changed; None: nowhere."""
        ...

    def pressure(self) -> Pressure:
        """Return how much more output can be taken."""
        ...

    def feed(self, feed: Feed) -> Feed:
        """Return the part of a feed that earlier runs of the job have not settled."""
        ...


class PlanRun(Stages):
    """Carries out the lines of a plan, one operation after the other.

    `checked` guards a feed of the plan: it must still be the one that was approved.
    """

    def __init__(
        self,
        job: BatchJob,
        verbs: list[Verb],
        service: StoreClient,
        around: Around,
        pacer: Pacer,
        checked: Callable[[Feed], Feed],
    ) -> None:
        super().__init__()
        self._job = job
        self._verbs = verbs
        self._service = service
        self._around = around
        self._pacer = pacer
        self._checked = checked

    async def _work(self) -> None:
        for verb in self._verbs:
            condition = replace(self._job.plan.precondition, keeper=self._around.undo)
            if verb is Verb.SET:
                condition = replace(condition, rewrite=PlannedExpiry())
            run = Run(
                replace(self._job.plan, verb=verb, precondition=condition),
                self._service,
                self._around.listeners,
                pressure=self._around.pressure,
                pacer=self._pacer,
            )
            feed = self._around.feed(_LinesOf(self._checked(self._job.input.feed()), verb))
            await self._carry_out(run, partial(run.work, feed))
            if self._is_stopping:
                return
        self._is_whole = True


class _LinesOf:
    """The records of a feed that need one operation."""

    def __init__(self, feed: Feed, verb: Verb) -> None:
        self._feed = feed
        self._verb = verb

    async def get(self) -> PieceList | None:
        """See Feed. Skip lists without such a record: an empty list would mean a pause."""
        while pieces := await self._feed.get():
            part = [
                one for one in pieces if isinstance(one, PlannedRecord) and one.verb is self._verb
            ]
            if part:
                return part
            await asyncio.sleep(0)  # let signals and timers run
        return pieces

    def close(self) -> None:
        """See Feed."""
        self._feed.close()
