"""List what a store holds, as one side of a comparison."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

import msgspec
from msgspec.structs import replace

from kvsctl.bulk.events import Event, Listener, RecordsRead, RequestEnded, Settled
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.comparison.entries import Block, Entry, blocks_of
from kvsctl.comparison.sorting import Sorter
from kvsctl.errors import KvsctlError
from kvsctl.jobs.connect import connected, credentials_of
from kvsctl.jobs.cron.time_limit import TimeLimit
from kvsctl.jobs.runner import Interrupts
from kvsctl.jobs.store.reading import StoreSide, entry_of
from kvsctl.listing.plan import ListingPlan
from kvsctl.listing.run import ListingRun
from kvsctl.model import Outcome, Record, State


class ListedStore(msgspec.Struct, frozen=True):
    """A store, and what of it is listed and compared."""

    store: StoreSide
    plan: ListingPlan

    @property
    def name(self) -> str:
        """The name of the store for people."""
        return self.store.name


class Collector:
    """A listener that keeps what a listing finds, to be yielded in order: on disk if it is much.

    Requests are counted in `tally`, and so are records that could not be read.
    """

    wants = frozenset({Settled, RequestEnded})

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._sorter = Sorter(Entry)

    def __call__(self, event: Event) -> None:
        """Take what was found. Raise StreamError if it cannot be kept."""
        if isinstance(event, Settled):
            for outcome in event.outcomes:
                self._take(outcome)
        else:
            self._tally(event)

    def blocks(self) -> Iterator[Block]:
        """Yield everything in the order of entities and keys, once."""
        return blocks_of(self._sorter.sorted())

    def close(self) -> None:
        """Remove the temporary files."""
        self._sorter.close()

    def _take(self, outcome: Outcome) -> None:
        record = outcome.subject
        if outcome.found is not None and isinstance(record, Record):
            self._sorter.add(entry_of(record.identity, outcome.found))
        elif outcome.state is State.FAILED:
            self._tally(RecordsRead(1))
            self._tally(Settled([outcome]))


async def list_store(
    listed: ListedStore,
    listeners: Sequence[Listener],
    interrupts: Interrupts,
    limit: TimeLimit,
    tell: Callable[[str], None],
) -> KvsctlError | None:
    """List a store to its end. Return the error that ended this early, if any."""
    store = listed.store
    credentials = credentials_of(store.target, allow_http=store.allow_http)
    target = connected(
        store.target,
        credentials,
        timeout_seconds=store.timeout_seconds,
        asked=replace(listed.plan.needed, expires=True),
        wants_headers=False,
    )
    async with target as service:
        pacer = Pacer(store.plan.pace, asyncio.get_running_loop().time)
        run = ListingRun(listed.plan, store.plan, service, listeners, pacer=pacer, notice=tell)
        with interrupts.stopping(run, tell), limit.stopping(run):
            error = await run.work()
        return error or limit.work_left()
