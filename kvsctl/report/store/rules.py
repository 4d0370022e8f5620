"""What became of the records of each rule of a retention file."""

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

import msgspec

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.report.console import Environment
from kvsctl.report.dry_run import DryRun
from kvsctl.report.escape import visible
from kvsctl.report.styled import Span, painted, separator_of
from kvsctl.report.summary import count_parts, most_parts, record_parts


class RuleReport(msgspec.Struct):
    """A rule, and the totals of the records that it settled.

    `name` None: it is the only rule of the job, and is not reported. `ttl`: what its records get,
    if it does not delete them. `kept`: how many records it kept, as the latest of their groups.
    `dry_run`: what the rule would need, if nothing was changed.
    """

    name: str | None
    action: str
    ttl: str | None
    tally: Tally
    kept: int = 0
    dry_run: DryRun | None = None

    @property
    def members(self) -> dict[str, Any]:
        """The rule as an element of `rules` in the JSON report."""
        tally, members = self.tally, {"name": self.name, "action": self.action}
        if self.ttl is not None:
            members["ttl"] = self.ttl
        return members | {
            "records": tally.records,
            "succeeded": tally.succeeded,
            "failed": tally.failed,
            "skipped": tally.skipped,
            "skipped_by": dict(sorted(tally.skipped_by.items())),
            "kept": self.kept,
            "unknown": tally.unknown,
            "unsent": tally.unsent,
            "requests": tally.requests,
            "units": {"read": tally.units_read, "write": tally.units_write},
            **({} if self.dry_run is None else self.dry_run.members),
        }


def dry_run_of(rules: Sequence[RuleReport]) -> DryRun | None:
    """Return what all rules would need; None if they are not a rehearsal."""
    dry_runs = [rule.dry_run for rule in rules if rule.dry_run is not None]
    return reduce(DryRun.plus, dry_runs) if dry_runs else None


def rule_lines(rules: Sequence[RuleReport], environment: Environment) -> str:
    """Return a line for each rule that has a name."""
    lines = (_line(rule, environment) for rule in rules if rule.name is not None)
    return "".join(painted(line, environment) for line in lines)


def _line(rule: RuleReport, environment: Environment) -> list[Span]:
    what = rule.action if rule.ttl is None else f"{rule.action} {rule.ttl}"
    line: list[Span] = [(f"  {visible(rule.name or '')}  {what}  ", "bold")]
    separator = separator_of(environment)
    for number, part in enumerate(_parts(rule)):
        line += [(separator, ""), part] if number else [part]
    return line


def _parts(rule: RuleReport) -> Iterator[Span]:
    if rule.dry_run is None:
        yield from record_parts(rule.tally)
    else:
        yield from count_parts(rule.tally)
    if rule.kept:
        yield f"{rule.kept:,} kept", ""
    if rule.dry_run is not None and rule.tally.unsent:
        yield from most_parts(rule.dry_run)
