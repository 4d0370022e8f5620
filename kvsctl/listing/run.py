"""A run that finds records by queries, and prints them as listed or as read again."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import aclosing
from typing import Final, Protocol
from weakref import proxy

from msgspec.structs import replace

from kvsctl.bulk.events import Emitter, Listener, RecordsRead, Settled
from kvsctl.bulk.feeds import AsyncFeed
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.plan import Caller, Pressure, RunPlan
from kvsctl.bulk.run import Run
from kvsctl.bulk.settling.reconcile import UNDECIDED, UNSELECTED, ReadPolicy
from kvsctl.bulk.stopping import error_of
from kvsctl.errors import KvsctlError
from kvsctl.listing.judge import verdict_of
from kvsctl.listing.plan import ListingPlan
from kvsctl.listing.reading import QueryCaller
from kvsctl.listing.remainder import Remainder
from kvsctl.listing.walk import Picked, Walk, records_of
from kvsctl.model import SUCCEEDED, Found, Identity, Outcome, State
from kvsctl.selection.chooser import Chooser
from kvsctl.selection.selection import Verdict
from kvsctl.slabs import Successes

_UNITS_PER_THOUSAND: Final = 40
"""A thousand records are at least 40 batches of 25, a unit each."""


class ListingCaller(Caller, QueryCaller, Protocol):
    """What a listing run needs of the service: queries, and batch/get to read records again."""


class ListingRun:
    """Lists what a plan covers, and settles each chosen record as found.

    Listeners receive the events of any run. Each chosen record is read again by batch/get if the
    plan says so, or if queries leave out needed metadata: then `notice` is called first.
    `remainder` is what is left of an earlier run; it is kept up to date for a journal.
    """

    def __init__(
        self,
        plan: ListingPlan,
        run_plan: RunPlan,
        service: ListingCaller,
        listeners: Sequence[Listener],
        *,
        pacer: Pacer,
        pressure: Callable[[], Pressure] = lambda: Pressure.NONE,
        notice: Callable[[str], None] = lambda _text: None,
        remainder: Remainder | None = None,
    ) -> None:
        itself: ListingRun = proxy(self)  # see Run
        self._plan = plan
        self._run_plan = run_plan
        self._service = service
        self._listeners = listeners
        self._pacer = pacer
        self._pressure = pressure
        self._notice = notice
        self._emitter = Emitter(listeners, stop=lambda error: itself.stop(error))
        self._emit = self._emitter.emit
        self._remainder = remainder
        self._walk = Walk(plan, run_plan, service, pacer, self._emit, remainder)
        self._changed = asyncio.Event()
        self._position = 0 if remainder is None else remainder.position
        self._chosen = 0
        self._task: asyncio.Task[None] | None = None
        self._rereading: Run | None = None
        self._error: KvsctlError | None = None
        self._is_stopping = False

    @property
    def in_flight(self) -> int:
        """How many requests are in flight that `stop` waits for; queries are cut off instead."""
        return 0 if self._rereading is None else self._rereading.in_flight

    @property
    def is_cut_short(self) -> bool:
        """Whether the run was stopped before everything was listed."""
        is_cut_short = self._rereading is not None and self._rereading.is_cut_short
        return is_cut_short or self._is_stopping

    @property
    def is_torn(self) -> bool:
        """Whether a listener has crashed: see `bulk.events.Emitter`."""
        is_torn = self._rereading is not None and self._rereading.is_torn
        return is_torn or self._emitter.is_torn

    def selection(self) -> Chooser:
        """Return the selection, whose ages count from one moment. Call it after an answer."""
        return self._walk.selection()

    @property
    def ages_count_from(self) -> float | None:
        """The moment that ages count back from; None: not known yet, or there is no age."""
        return self._walk.ages_count_from

    async def work(self) -> KvsctlError | None:
        """List everything, or until the run is stopped. Return the error that ended it, if any."""
        self._task = asyncio.create_task(self._work())
        try:
            error = await error_of(self._task)
        finally:
            self._walk.close()
        self._error = self._error or error
        return self._error

    def stop(self, error: KvsctlError | None = None) -> None:
        """Send no more. Cut off the queries in flight: they change nothing."""
        if not self._is_stopping:
            self._is_stopping, self._error = True, self._error or error
        if self._rereading is not None:
            self._rereading.stop(error)
        elif self._task is not None:
            self._task.cancel()

    def run_out_of_time(self) -> None:
        """Take no new work. Finish what was begun; queries in flight are cut off."""
        if self._rereading is not None:
            self._rereading.run_out_of_time()
        else:
            self.stop()

    def abort(self) -> None:
        """Stop at once."""
        self.stop()
        if self._rereading is not None:
            self._rereading.abort()

    def wake(self) -> None:
        """Make the run check the pressure again. Call this when it has changed."""
        self._changed.set()
        if self._rereading is not None:
            self._rereading.wake()

    async def _work(self) -> None:
        plan = self._plan
        if plan.rereads:
            await self._read_again()
        elif await self._walk.lacks(plan.needed):
            self._notice(
                "the queries of this service leave out createdAt and updatedAt, so each key is "
                f"also read by batch/get: at least {_UNITS_PER_THOUSAND} units per 1,000 keys"
            )
            await self._read_again()
        else:
            await self._list()

    async def _list(self) -> None:
        async with aclosing(self._walk.pages()) as pages:
            # Wait for room first: for the journal, a page and its records are one step.
            while not self._has_enough and await self._has_room():
                picked = await anext(pages, None)
                if picked is None:
                    return
                self._settle(picked)

    async def _has_room(self) -> bool:
        """Wait until listeners can take more. Return whether the run continues."""
        self._changed.clear()
        while not self._is_stopping and self._pressure() is not Pressure.NONE:
            await self._changed.wait()
            self._changed.clear()
        return not self._is_stopping

    @property
    def _has_enough(self) -> bool:
        limit = self._plan.limit
        return limit is not None and self._chosen >= limit

    def _settle(self, picked: Picked) -> None:
        keys, found, skipped = picked.keys, picked.found, picked.skipped
        if self._plan.limit is not None:
            room = _room(len(keys), skipped, self._plan.limit - self._chosen)
            keys, found = keys[:room], found[:room]
        if self._remainder is not None:
            self._remainder.note(self._position, keys, picked.moves)
        if not keys:
            return
        self._emit(RecordsRead(len(keys)))
        records = records_of(picked.entity, keys, self._position)
        self._position += len(keys)
        if not skipped:
            self._chosen += len(keys)
            self._emit(Settled(Successes(records, found)))
            return
        outcomes = [
            Outcome(record, State.SKIPPED, skipped_by=skipped[place])
            if place in skipped
            else Outcome(record, SUCCEEDED, found=found[place])
            for place, record in enumerate(records)
        ]
        self._chosen += sum(outcome.state is SUCCEEDED for outcome in outcomes)
        self._emit(Settled(outcomes))

    async def _read_again(self) -> None:
        plan, run_plan = self._plan, self._run_plan
        decides = not plan.selection.is_of_keys_only or plan.limit is not None
        policy = ReadPolicy(
            ignore_missing=True,
            skip_expired=plan.skip_expired,
            skips=self._skips if decides else None,
            refuses_rounded=run_plan.read_policy.refuses_rounded,
        )
        if plan.limit is not None:  # the first in key order must be the first to be answered
            run_plan = replace(run_plan, concurrency=1, finds_concurrency=False)
        run = Run(
            replace(run_plan, read_policy=policy),
            self._service,
            self._listeners,
            pressure=self._pressure,
            pacer=self._pacer,
        )
        self._rereading = run
        if self._is_stopping:
            return
        feed = AsyncFeed(self._walk.records(until=lambda: self._has_enough))
        self._error = await run.work(feed) or self._error
        await feed.wait_closed()

    def _skips(self, identity: Identity, found: Found, now: float) -> str | None:
        verdict = verdict_of(self._walk.selection(), identity, found, now)
        if verdict is Verdict.NOT_CHOSEN or self._has_enough:
            return UNSELECTED
        if verdict is not Verdict.CHOSEN:
            return UNDECIDED
        self._chosen += 1
        return None


def _room(count: int, skipped: Collection[int], chosen: int) -> int:
    """Return how many of `count` records to take so that `chosen` of them are not skipped."""
    place = 0
    while place < count and chosen > 0:
        chosen -= place not in skipped
        place += 1
    return place
