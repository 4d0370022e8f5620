"""A listing as the input of a job."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from kvsctl.bulk.feeds import AsyncFeed, Feed
from kvsctl.bulk.plan import RunPlan
from kvsctl.errors import UsageError
from kvsctl.jobs.inputs import Emit, Session, to_nobody
from kvsctl.journal.fingerprint import Fingerprint
from kvsctl.listing.plan import ListingPlan
from kvsctl.listing.walk import Walk
from kvsctl.report.document import InputRead


class ListingInput(msgspec.Struct, frozen=True):
    """The keys that a listing chooses, as the input of a job.

    `selection` holds the options that choose them. `is_typed`: a report of a clean run would
    only repeat what the user typed.
    """

    plan: ListingPlan
    run_plan: RunPlan
    selection: Mapping[str, Any]
    is_typed: bool = False

    def feed(self, session: Session | None = None, emit: Emit = to_nobody) -> Feed:
        """See JobInput. The records have no values."""
        del emit
        if session is None:
            raise UsageError("a listing needs a target", "Do not combine it with --dry-run.")
        walk = Walk(self.plan, self.run_plan, session.service, session.pacer, session.emit)
        return AsyncFeed(walk.records())

    def fraction_read(self) -> float | None:
        """See JobInput. How much there is to list is not known."""
        return None

    @property
    def is_listing(self) -> bool:
        """See JobInput."""
        return True

    @property
    def places(self) -> Sequence[Path | int]:
        """See JobInput."""
        return ()

    @property
    def single_use(self) -> str | None:
        """See JobInput."""
        return None

    def fingerprint(self) -> list[Fingerprint]:
        """See JobInput."""
        return [{"kind": "listing", "selection": dict(self.selection)}]

    def inputs_read(self) -> list[InputRead]:
        """See JobInput."""
        return []

    def warnings(self) -> list[str]:
        """See JobInput."""
        return []
