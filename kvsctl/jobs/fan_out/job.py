"""A job that is carried out in parts, as one frozen request."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import msgspec
from msgspec.structs import replace

from kvsctl.jobs.fan_out.crews import Crew
from kvsctl.jobs.fan_out.unit import Unit
from kvsctl.jobs.job import Job, Reporting, Schedule, Watcher
from kvsctl.report.failed.retry_line import RetryWords


class FanOutJob(msgspec.Struct, frozen=True):
    """The units of a job, and their crew.

    `first`: the job of the first unit, for what all have in common. `prints_records`: whether the
    command prints records, so that the report belongs on stderr. `retry`: the words of the command
    that retries failures; None: there is none. `failures_of`: the failures files that the units
    write, by their names.
    """

    command: str
    units: Sequence[Unit]
    crew_of: Callable[[], Crew]
    first: Job
    reporting: Reporting
    schedule: Schedule
    prints_records: bool
    watcher: Watcher | None = None
    retry: RetryWords | None = None
    failures_of: Mapping[str, Path] = {}

    @property
    def has_network(self) -> bool:
        """See Job: the workers have it."""
        return False

    @property
    def labels(self) -> Mapping[str, str]:
        """See Job."""
        return {name: text for name, text in self.first.labels.items() if name != "shard"}

    def watched_by(self, watcher: Watcher) -> Self:
        """See Job."""
        return replace(self, watcher=watcher)
