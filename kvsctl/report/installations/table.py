"""The lines of a report for people: one for each installation, those that failed first."""

from collections.abc import Sequence
from typing import Final

from kvsctl.report.console import Environment
from kvsctl.report.escape import visible
from kvsctl.report.installations.ends import InstallationEnd
from kvsctl.report.store.differences import found_parts
from kvsctl.report.styled import Span, painted
from kvsctl.report.summary import plural

_SHOWN: Final = 20
_MOST_DIFFERENT: Final = 10
"""The most records that differ that are named."""


def print_lines(
    environment: Environment, lines: Sequence[InstallationEnd], *, shows_all: bool
) -> None:
    """Print a line for each installation: all of them, or the most notable ones.

    Below it stands what to do about an error, unless an earlier line has the same.
    """
    ordered = list(lines) if shows_all else sorted(lines, key=_rank)
    shown = ordered if shows_all else ordered[:_SHOWN]
    text, said = "", set[str]()
    for one in shown:
        text += painted(_line(one), environment)
        if one.hint is not None and one.hint not in said:
            said.add(one.hint)
            text += painted([(f"    {visible(one.hint)}", "")], environment)
    if rest := ordered[len(shown) :]:
        text += painted([(_rest(rest), "dim")], environment)
    environment.write_stderr(text)


def print_different(environment: Environment, lines: Sequence[InstallationEnd]) -> None:
    """Print the first records that differ from their stores, each with its installation."""
    found = [
        (line.installation, one)
        for line in lines
        if line.finding is not None
        for one in line.finding.different or ()
    ]
    rows = [
        f"{one.change.value:<9} {visible(installation)}  {visible(one.name)}"
        for installation, one in found[:_MOST_DIFFERENT]
    ]
    total = sum(0 if line.compared is None else line.compared.differences for line in lines)
    if rows and total > len(rows):
        rows.append(
            f"{'':<9} and {total - len(rows):,} more: --json names up to {_MOST_DIFFERENT} of each "
            "installation, and kvsctl diff shows all"
        )
    environment.write_stderr("".join(painted([(row, "")], environment) for row in rows))


def _rank(line: InstallationEnd) -> tuple[int, int]:
    """Return the rank of a line: failed ones first, then by size, not begun ones last."""
    kind = 2 if line.exit_code is None else 1 if line.exit_code == 0 else 0
    return kind, -line.count("records")


def _line(line: InstallationEnd) -> list[Span]:
    spans: list[Span] = [(f"  {visible(line.installation)}  ", "cyan")]
    if line.exit_code is None:
        return [*spans, ("not begun", "yellow")]
    records, failed = line.count("records"), line.count("failed")
    spans.append((f"{records:,} {plural('record', records)}", ""))
    if (found := line.compared) is not None:
        spans += [(f", {part}", "") for part in found_parts(found)]
    elif succeeded := line.count("succeeded"):
        spans.append((f", {succeeded:,} succeeded", ""))
    if failed:
        spans.append((f", {failed:,} failed", "bold red"))
    if line.exit_code:
        spans.append((f", exit code {line.exit_code}", "red"))
    if line.error is not None:
        spans.append((f": {visible(line.error)}", "red"))
    return spans


def _rest(rest: Sequence[InstallationEnd]) -> str:
    failed = sum(line.exit_code not in (None, 0) for line in rest)
    not_begun = sum(line.exit_code is None for line in rest)
    parts = [f"  and {len(rest):,} more"]
    if failed:
        parts.append(f"{failed:,} of them failed")
    if not_begun:
        parts.append(f"{not_begun:,} not begun")
    return ", ".join(parts) + " (-v shows all, as --json and --report do)"
