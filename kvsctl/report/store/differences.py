"""What diff shows to people: each difference with its parts, and the totals."""

from typing import Any, Final

import msgspec
from msgspec import structs

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.comparison.joining import Change, Counts, Difference, value_of
from kvsctl.comparison.values import Part, differing_parts
from kvsctl.jsontext import one_line
from kvsctl.report.console import Environment
from kvsctl.report.escape import visible
from kvsctl.report.styled import Span, painted, separator_of
from kvsctl.report.summary import plural, total_of_units

_MARKS: Final = {
    Change.ADDED: ("+", "green"),
    Change.MISSING: ("-", "red"),
    Change.CHANGED: ("~", "yellow"),
}
_MOST_PARTS: Final = 20
_PART_COLUMNS: Final = 60
_NOTHING: Final = "(none)"


def on_stdout(environment: Environment) -> Environment:
    """Return the environment as it is for text that is written to stdout."""
    return structs.replace(
        environment,
        can_redraw=environment.stdout_is_terminal,
        stderr_has_colour=environment.stdout_has_colour,
        width=environment.stdout_width,
        encoding=environment.stdout_encoding,
    )


def shown(difference: Difference, environment: Environment) -> str:
    """Return lines that show a difference: its key, then the parts that differ.

    Text from outside is escaped, and long values are truncated. `environment`: see `on_stdout`.
    """
    mark, style = _MARKS[difference.change]
    entry = difference.entry
    entity = f" ({visible(entry.entity)})" if entry.entity else ""
    head: list[Span] = [(f"{mark} {visible(entry.key)}{entity}", style)]
    if difference.left is None or difference.right is None:
        return painted([*head, (f"  {_text(value_of(entry.body))}", "dim")], environment)
    parts = list(differing_parts(value_of(difference.left.body), value_of(difference.right.body)))
    lines = [head, *([(f"    {_part(part)}", "")] for part in parts[:_MOST_PARTS])]
    if len(parts) > _MOST_PARTS:
        more = len(parts) - _MOST_PARTS
        lines.append([(f"    and {more:,} more {plural('part', more)}", "dim")])
    if not parts:
        lines.append([("    the same JSON, written differently", "dim")])
    return "".join(painted(line, environment) for line in lines)


def _part(part: Part) -> str:
    return f"{visible(part.path)}: {_text(part.left)} -> {_text(part.right)}"


def _text(value: bytes | None) -> str:
    if value is None:
        return _NOTHING
    return visible(one_line(value).decode(), _PART_COLUMNS)


class Compared(msgspec.Struct, frozen=True):
    """Two sides that were compared, by the names that users know, and what was found."""

    left: str
    right: str
    counts: Counts

    @property
    def members(self) -> dict[str, Any]:
        """The members of the JSON report that only diff has."""
        counts = self.counts
        return {
            "left": self.left,
            "right": self.right,
            "equal": counts.equal,
            "added": counts.added,
            "changed": counts.changed,
            "missing": counts.missing,
        }


def difference_summary(
    compared: Compared, tally: Tally, elapsed_seconds: float, environment: Environment
) -> str:
    """Return what was compared and the totals, in two lines."""
    counts = compared.counts
    parts = [
        f"{counts.compared:,} {plural('key', counts.compared)}",
        f"{counts.equal:,} equal",
        *(f"{getattr(counts, change.value):,} {change.value}" for change in Change),
    ]
    if tally.failed:
        parts.append(f"{tally.failed:,} failed")
    parts += [f"{count:,} {visible(name)}" for name, count in sorted(tally.skipped_by.items())]
    if tally.duplicates:
        parts.append(f"{tally.duplicates:,} {plural('duplicate', tally.duplicates)}")
    parts.append(f"{elapsed_seconds:.2f} s")
    if tally.requests:
        parts.append(total_of_units(tally))
    sides = f"{visible(compared.left)} with {visible(compared.right)}"
    head: list[Span] = [("diff  ", "bold"), (sides, "bold cyan")]
    return painted(head, environment) + painted(
        [(separator_of(environment).join(parts), "")], environment
    )
