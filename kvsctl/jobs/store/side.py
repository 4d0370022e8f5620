"""A store besides the target of a job, and how it is read."""

import msgspec

from kvsctl.bulk.plan import RunPlan
from kvsctl.config.targets import Target


class StoreSide(msgspec.Struct, frozen=True):
    """A store whose records are compared, and how it is read.

    `plan` is one of get that skips what is missing or has expired: for a comparison it is absent.
    `max_duration_seconds`: the most time that its settings allow a job; None: any.
    `wants_headers`: the headers of its answers are shown.
    """

    target: Target
    plan: RunPlan
    allow_http: bool
    timeout_seconds: float
    max_duration_seconds: int | None = None
    wants_headers: bool = False

    @property
    def name(self) -> str:
        """The name of the store for people."""
        path = self.target.local_path
        return self.target.display if path is None else f"LOCAL EMULATOR {path}"
