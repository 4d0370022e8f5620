"""What diff shows to people: each difference with its parts, and the totals."""

from collections.abc import Sequence
from typing import Any, Final, Self

import msgspec
from msgspec import structs

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.comparison.joining import Change, Counts, Difference, value_of
from kvsctl.comparison.values import DifferingPart, differing_parts
from kvsctl.jsontext import one_line
from kvsctl.report.console import Environment
from kvsctl.report.escape import ELLIPSIS, visible
from kvsctl.report.styled import Span, painted, separator_of
from kvsctl.report.summary import plural, total_of_units

_MARKS: Final = {
    Change.ADDED: ("+", "green"),
    Change.MISSING: ("-", "red"),
    Change.CHANGED: ("~", "yellow"),
}
_MOST_PARTS: Final = 20
_PART_COLUMNS: Final = 60
_SAME_COLUMNS: Final = 15
"""How much equal text is shown before the first difference of long texts."""
_NOTHING: Final = "(none)"


def on_stdout(environment: Environment) -> Environment:
    """Return the environment for text that is written to stdout."""
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


def _part(part: DifferingPart) -> str:
    start = 0
    if part.left is not None and part.right is not None:
        start = _start_of(part.left, part.right)
    return f"{visible(part.path)}: {_text(part.left, start)} -> {_text(part.right, start)}"


def _start_of(left: bytes, right: bytes) -> int:
    """Return where to start showing two long texts, so that the first difference is visible."""
    one, other = one_line(left).decode(), one_line(right).decode()
    if max(len(one), len(other)) <= _PART_COLUMNS:
        return 0
    shorter = min(len(one), len(other))
    same = next((place for place in range(shorter) if one[place] != other[place]), shorter)
    return same - _SAME_COLUMNS if same > _PART_COLUMNS // 2 else 0


def _text(value: bytes | None, start: int = 0) -> str:
    if value is None:
        return _NOTHING
    text = one_line(value).decode()[start:]
    return visible(ELLIPSIS + text if start else text, _PART_COLUMNS)


class Compared(msgspec.Struct, frozen=True):
    """Two sides that were compared, by the names that users know, and what was found."""

    left: str
    right: str
    counts: Counts

    @property
    def members(self) -> dict[str, Any]:
        """The members of the JSON report that only diff has."""
        return {"left": self.left, "right": self.right, **structs.asdict(self.counts)}


class Differing(msgspec.Struct, frozen=True, gc=False):
    """A record that differs, without its values."""

    change: Change
    key: str
    entity: str | None

    @classmethod
    def of(cls, difference: Difference) -> Self:
        """Return a difference without its values."""
        entry = difference.entry
        return cls(difference.change, entry.key, entry.entity or None)

    @property
    def members(self) -> dict[str, str]:
        """What the JSON report has of it."""
        entity = {} if self.entity is None else {"entityName": self.entity}
        return {"change": self.change.value, "key": self.key, **entity}

    @property
    def name(self) -> str:
        """Its key, and its entity if it has one, for people."""
        return self.key if self.entity is None else f"{self.key} ({self.entity})"


class Finding(msgspec.Struct, frozen=True, gc=False):
    """The result of verifying one of several exports.

    `damage`: how it differs from its manifest; None: it does not. `different`: the first records
    that differ from the store; None: it was not compared with one.
    """

    damage: str | None
    different: Sequence[Differing] | None

    @property
    def members(self) -> dict[str, Any]:
        """What the JSON report has of it."""
        members: dict[str, Any] = {"matches": self.damage is None, "damage": self.damage}
        if self.different is not None:
            members["different"] = [one.members for one in self.different]
        return members


def found_parts(counts: Counts) -> list[str]:
    """Return what was found, as parts of a line."""
    found = [(counts.equal, "equal")]
    found += [(getattr(counts, change.value), change.value) for change in Change]
    return [f"{count:,} {name}" for count, name in found if count]


def difference_summary(
    compared: Compared, tally: Tally, elapsed_seconds: float, environment: Environment
) -> str:
    """Return what was compared and the totals, in two lines."""
    counts = compared.counts
    parts = [
        f"{counts.compared:,} {plural('key', counts.compared)}",
        *found_parts(counts),
        *([f"{tally.failed:,} failed"] if tally.failed else []),
    ]
    parts += [f"{count:,} {visible(name)}" for name, count in sorted(tally.skipped_by.items())]
    if tally.duplicates:
        parts.append(f"{tally.duplicates:,} {plural('duplicate', tally.duplicates)}")
    parts.append(f"{elapsed_seconds:.2f} s")
    if units := total_of_units(tally):
        parts.append(units)
    sides = f"{visible(compared.left)} with {visible(compared.right)}"
    head: list[Span] = [("diff  ", "bold"), (sides, "bold cyan")]
    return painted(head, environment) + painted(
        [(separator_of(environment).join(parts), "")], environment
    )
