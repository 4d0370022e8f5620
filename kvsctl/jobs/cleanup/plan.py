"""What a clean-up lists, and what it may do."""

import msgspec

from kvsctl.jobs.cleanup.guards import MostDeleted
from kvsctl.listing.plan import ListingPlan


class CleanUpPlan(msgspec.Struct, frozen=True):
    """What a clean-up lists to find what it deletes, and how much that may be.

    Whether records are read again before is in the precondition of the job's plan.
    """

    listing: ListingPlan
    most: MostDeleted
