"""A listing as the input of a job."""

from kvsctl.bulk.feeds import AsyncFeed, Feed
from kvsctl.bulk.plan import RunPlan
from kvsctl.errors import UsageError
from kvsctl.jobs.inputs import Emit, Session, to_nobody
from kvsctl.jobs.store.listed_input import ListedInput
from kvsctl.listing.plan import ListingPlan
from kvsctl.listing.walk import Walk


class ListingInput(ListedInput, frozen=True):
    """The keys that a listing chooses, as the input of a job.

    `is_typed`: a report of a clean run would only repeat what the user typed.
    """

    plan: ListingPlan
    run_plan: RunPlan
    is_typed: bool = False

    def feed(self, session: Session | None = None, emit: Emit = to_nobody) -> Feed:
        """See JobInput. The records have no values."""
        del emit
        if session is None:
            raise UsageError("a listing needs a target", "Do not combine it with --dry-run.")
        walk = Walk(self.plan, self.run_plan, session.service, session.pacer, session.emit)
        return AsyncFeed(walk.records())
