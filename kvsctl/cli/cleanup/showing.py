"""Show a plan to people."""

from pathlib import Path

import typer

from kvsctl.errors import UsageError
from kvsctl.jobs.cleanup.plans.lines import PlanLine, plan_lines
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.outputs.plan_lines import EXPIRE
from kvsctl.records.ttl import Ttl, parse_ttl
from kvsctl.report.console import Environment
from kvsctl.report.store.plan import shown_line, summaries


def show(path: Path | None) -> None:
    """Print a line for each line of a plan, and on stderr their number for each target.

    Raise UsageError at the first line that does not belong to a plan.
    """
    counts: dict[tuple[str, str, str | None], int] = {}
    for line in plan_lines(path):
        typer.echo(shown_line(line.action, _ttl(line), line.entityName, line.key, line.updatedAt))
        what = line.action, line.target, line.installation
        counts[what] = counts.get(what, 0) + 1
    environment = Environment.of_process()
    for text in summaries(counts):
        environment.write_stderr(f"{text}\n")
    if not counts:
        raise UsageError("the plan has no lines", "Nothing was planned, or a filter left nothing.")


def _ttl(line: PlanLine) -> str | None:
    """Return the ttl that a line gives, in its short form; None if it gives none."""
    ttl = parse_ttl(line.ttl, DEFAULT_LIMITS) if line.action == EXPIRE else None
    return ttl.short if isinstance(ttl, Ttl) else None
