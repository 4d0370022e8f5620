"""What a clean-up lists, and what it may do."""

from pathlib import Path

import msgspec

from kvsctl.jobs.cleanup.actions import Action, Deleting
from kvsctl.jobs.cleanup.guards import MostDeleted
from kvsctl.listing.plan import ListingPlan


class UndoPlan(msgspec.Struct, frozen=True):
    """Where what is deleted is written before. `path` may be a template: see `names`.

    `has_values`: whole records, and not only what identifies them.
    """

    path: Path
    has_values: bool = True


class CleanUpPlan(msgspec.Struct, frozen=True):
    """What a clean-up lists, how much that may be, and what it does with it.

    Whether records are read again before is in the precondition of the job's plan. With `undo`
    they must be, and for every action but `Deleting`.
    """

    listing: ListingPlan
    most: MostDeleted
    undo: UndoPlan | None = None
    action: Action = msgspec.field(default_factory=Deleting)
