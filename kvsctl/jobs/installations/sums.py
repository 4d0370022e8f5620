"""Add up how the work on each installation ended."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.comparison.joining import Counts
from kvsctl.errors import ExitStatus, KvsctlError
from kvsctl.jobs.job import JobEnd
from kvsctl.report.dry_run import DryRun
from kvsctl.report.installations.ends import InstallationEnd
from kvsctl.report.store.rules import RuleReport

_BEFORE_INTERRUPTS: Final = (ExitStatus.DEFECT, ExitStatus.STREAM)


class Sum:
    """The totals of all installations, and a line for each, in the order of `names`."""

    def __init__(self, names: Sequence[str]) -> None:
        self._places = {name: place for place, name in enumerate(names)}
        self.lines = [InstallationEnd(name) for name in names]
        self.tally = Tally()
        self.dry_run: DryRun | None = None
        self.rules: list[RuleReport] = []
        """What became of the records of each rule of a retention file."""
        self.compared: Counts | None = None
        """What comparisons have found."""
        self.failed = 0
        """How many installations did not end with exit code 0."""

    def add(self, line: InstallationEnd, end: JobEnd | None) -> None:
        """Take how the work on an installation ended, or a part of it: its listing."""
        place = self._places[line.installation]
        self.lines[place] = line.after(self.lines[place])
        self.failed += line.exit_code not in (None, ExitStatus.OK)
        if end is None or end.tally is None:
            return
        self.tally.add(end.tally, line.installation)
        self._add_rules(end.rules, line.installation)
        if end.compared is not None:
            self.compared = end.compared.plus(self.compared)
        if end.dry_run is not None:
            self.dry_run = _both(self.dry_run, end.dry_run)

    def _add_rules(self, rules: Sequence[RuleReport], installation: str) -> None:
        """Add what became of the records of each rule; all installations have the same rules."""
        named = [rule for rule in rules if rule.name is not None]
        if named and not self.rules:
            self.rules = [RuleReport(one.name, one.action, one.ttl, Tally()) for one in named]
        for total, one in zip(self.rules, named, strict=False):
            total.tally.add(one.tally, installation)
            total.kept += one.kept
            if one.dry_run is not None:
                total.dry_run = _both(total.dry_run, one.dry_run)

    @property
    def has_work_left(self) -> bool:
        """Whether an installation ended because the time was up."""
        return any(line.exit_code == ExitStatus.WORK_LEFT for line in self.lines)

    @property
    def not_begun(self) -> int:
        """How many installations were not begun."""
        return sum(line.exit_code is None for line in self.lines)


def _both(one: DryRun | None, other: DryRun) -> DryRun:
    """Return what both need. They work at the same time, each within its own quota."""
    if one is None:
        return other
    least_seconds = max(one.forecast.least_seconds, other.forecast.least_seconds)
    both = one.plus(other)
    return replace(both, forecast=replace(both.forecast, least_seconds=least_seconds))


def exit_status(
    lines: Sequence[InstallationEnd],
    error: KvsctlError | None = None,
    interrupted: ExitStatus | None = None,
) -> ExitStatus:
    """Return the exit status of a job on several installations.

    `error` is what ended it as a whole. If all installations ended alike, it is their exit code;
    otherwise FAILURES if one of them did not succeed.
    """
    statuses = {line.exit_code for line in lines}
    for status in _BEFORE_INTERRUPTS:
        if status in statuses or (error is not None and error.status is status):
            return status
    if interrupted is not None:
        return interrupted
    if ExitStatus.PIPE_CLOSED in statuses:
        return ExitStatus.PIPE_CLOSED
    if error is not None:
        return error.status
    if ExitStatus.WORK_LEFT in statuses:
        return ExitStatus.WORK_LEFT
    if statuses <= {ExitStatus.OK}:
        return ExitStatus.OK
    alike = next(iter(statuses)) if len(statuses) == 1 else None
    return ExitStatus.FAILURES if alike is None else ExitStatus(alike)
