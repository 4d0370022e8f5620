"""List a second store of a job."""

from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from kvsctl.bulk.events import Listener
from kvsctl.bulk.pacing.app_invocations import pacer_of
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.errors import KvsctlError
from kvsctl.jobs.connect import Carriers, connected
from kvsctl.jobs.cron.time_limit import TimeLimit
from kvsctl.jobs.runner import Interrupts
from kvsctl.jobs.store.side import StoreSide
from kvsctl.listing.plan import ListingPlan
from kvsctl.listing.run import ListingRun
from kvsctl.service.client import StoreClient


class ListedStore(msgspec.Struct, frozen=True):
    """A store, and the part of it that is listed and compared."""

    store: StoreSide
    plan: ListingPlan

    @property
    def name(self) -> str:
        """The name of the store for people."""
        return self.store.name


async def list_store(
    listed: ListedStore,
    listeners: Sequence[Listener],
    interrupts: Interrupts,
    limit: TimeLimit,
    note: Callable[[str], None],
    carriers: Carriers | None = None,
    *,
    pacer: Pacer | None = None,
    learn: Callable[[StoreClient], None] | None = None,
) -> KvsctlError | None:
    """List a store to its end. Return the error that ended this early, if any.

    `carriers`: connections that are shared with others. `pacer`: that of all requests to the store,
    if other work sends some. `learn` is called at the end, with the client.
    """
    store = listed.store
    target = connected(
        store.target,
        store.credentials(),
        timeout_seconds=store.timeout_seconds,
        asked=replace(listed.plan.needed, expires=True),
        wants_headers=store.wants_headers,
        carriers=carriers,
    )
    async with target as service:
        pacer = pacer or pacer_of(store.plan.pace)
        run = ListingRun(listed.plan, store.plan, service, listeners, pacer=pacer, notice=note)
        with interrupts.stopping(run, note), limit.stopping(run):
            error = await run.work()
        if learn is not None:
            learn(service)
        return limit.work_left() if error is None else store.explained(error)
