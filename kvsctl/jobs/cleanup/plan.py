"""What a clean-up lists, and what it may do."""

from pathlib import Path

import msgspec

from kvsctl.jobs.cleanup.guards import MostDeleted
from kvsctl.listing.plan import ListingPlan


class UndoPlan(msgspec.Struct, frozen=True):
    """Where what is deleted is written before. `path` may be a template: see `names`.

    `has_values`: whole records, and not only what identifies them.
    """

    path: Path
    has_values: bool = True


class CleanUpPlan(msgspec.Struct, frozen=True):
    """What a clean-up lists to find what it deletes, and how much that may be.

    Whether records are read again before is in the precondition of the job's plan. With `undo`
    they must be.
    """

    listing: ListingPlan
    most: MostDeleted
    undo: UndoPlan | None = None
