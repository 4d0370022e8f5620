"""What a clean-up lists, and what it may do."""

import msgspec

from kvsctl.jobs.cleanup.actions import Action, Deleting
from kvsctl.jobs.cleanup.guards import MostDeleted
from kvsctl.listing.plan import ListingPlan


class CleanUpPlan(msgspec.Struct, frozen=True):
    """What a clean-up lists, how much that may be, and what it does with it.

    Whether records are read again before is in the precondition of the job's plan. For every action
    but `Deleting` they must be.
    """

    listing: ListingPlan
    most: MostDeleted
    action: Action = msgspec.field(default_factory=Deleting)
