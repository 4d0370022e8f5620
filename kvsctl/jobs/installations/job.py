"""A job on several installations as one frozen request, free of the command line that made it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec
from msgspec.structs import replace

from kvsctl.config.targets import Target
from kvsctl.jobs.installations.choosing.choice import Choice
from kvsctl.jobs.installations.limits import MostFailed
from kvsctl.jobs.job import BatchJob, Reporting, Schedule, Watcher
from kvsctl.shards import Shard

if TYPE_CHECKING:
    from kvsctl.jobs.fan_out.installations.member import Crewing
    from kvsctl.jobs.store.copy import SourceCopy
    from kvsctl.report.failed.retry_line import RetryWords


class Ledgering(msgspec.Struct, frozen=True):
    """Where the job's ledger is. `identity` holds the options that must match on a resume.

    `retries_failed`: installations in which records failed are worked on again. `own_files` returns
    the files that an installation reads; None: all of them read the same input.
    """

    path: Path
    identity: Mapping[str, Any]
    retries_failed: bool = False
    own_files: Callable[[Target], Sequence[Path]] | None = None


class InstallationsJob(msgspec.Struct, frozen=True, kw_only=True):
    """The same job on each of several installations.

    `job_of` makes the job of an installation from its target. `at_once`: how many are worked on at
    the same time. `canaries`: how many come first, and must succeed before the others are begun.
    `shard`: the part of the installations that it works on; None: all of them. `most_failed`: how
    many failed installations stop the others from being begun. `crewing`: the workers that carry it
    out; None: this process does. `retry`: the words of the command that retries failures; None:
    there is none. `source`: the store that all of them are compared with.
    """

    name: str
    choice: Choice
    job_of: Callable[[Target], BatchJob]
    reporting: Reporting
    schedule: Schedule
    at_once: int
    shard: Shard | None = None
    canaries: int = 0
    most_failed: MostFailed | None = None
    ledger: Ledgering | None = None
    crewing: "Crewing | None" = None
    watcher: Watcher | None = None
    retry: "RetryWords | None" = None
    source: "SourceCopy | None" = None

    @property
    def command(self) -> str:
        """See Job."""
        return self.name

    @property
    def has_network(self) -> bool:
        """See Job."""
        return True

    @property
    def labels(self) -> Mapping[str, str]:
        """See Job. Of several installations, none is named."""
        labels = {"target": self.choice.target.name}
        return labels if self.shard is None else labels | {"shard": str(self.shard)}

    def watched_by(self, watcher: Watcher) -> Self:
        """See Job."""
        return replace(self, watcher=watcher)
