"""The failures of a run, grouped by code, as a table for people."""

from collections.abc import Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kvsctl.bulk.outcomes.tally import FailureGroup, FailureNote, InstallationFailure
from kvsctl.report.advice import advice
from kvsctl.report.escape import visible
from kvsctl.report.summary import plural

_SHOWN_CODES: Final = 20
_TABLE_WIDTH: Final = 60  # a narrower terminal gets a block for each code instead
_SHOWN_MESSAGE: Final = 200
_SHOWN_EXAMPLES: Final = 3
_SHOWN_KEY: Final = 60
_NO_KEY: Final = "(no key)"


def print_failures(
    console: Console, groups: Sequence[FailureGroup], notes: Sequence[FailureNote] = ()
) -> None:
    """Print the groups in the given order, and what to do about each.

    `notes` are the first failures: if those of a group have several causes, each is explained.
    Text from outside is escaped. No line is wider than the terminal.
    """
    with console.capture() as page:
        _print_groups(console, groups, notes)
    # Rich pads table cells with trailing spaces, which only litter a log.
    lines = (line.rstrip() for line in page.get().splitlines())
    console.file.write("".join(f"{line}\n" for line in lines))


def _print_groups(
    console: Console, groups: Sequence[FailureGroup], notes: Sequence[FailureNote]
) -> None:
    shown, rest = groups[:_SHOWN_CODES], groups[_SHOWN_CODES:]
    if shown and console.width >= _TABLE_WIDTH:
        console.print(_table(console, shown), _next_steps(shown, notes), sep="")
    elif shown:
        console.print(_blocks(console, shown, notes))
    if rest:
        failed = sum(group.count for group in rest)
        console.print(f"and {failed:,} {plural('failure', failed)} with other codes")


def _table(console: Console, groups: Sequence[FailureGroup]) -> RenderableType:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), expand=False)
    table.add_column("Count", justify="right", no_wrap=True)
    table.add_column("Code", style="bold red", overflow="fold")
    table.add_column("Example key", overflow="fold")
    table.add_column("Place", overflow="fold")
    # A key has up to 500 characters; more than two lines of it would hide the other rows.
    cell_width = max(console.width // 3, 10)
    for group in groups:
        table.add_row(
            f"{group.count:,}",
            Text(visible(group.code, cell_width)),
            Text(_key(group, 2 * cell_width)),
            Text(visible(_source(group.example), 2 * cell_width)),
        )
    return table


def _next_steps(groups: Sequence[FailureGroup], notes: Sequence[FailureNote]) -> RenderableType:
    steps: list[RenderableType] = []
    for group in groups:
        steps.append(Text(visible(group.code, _SHOWN_MESSAGE), "bold"))
        steps += [Padding(line, (0, 0, 0, 2)) for line in _explained(group, notes)]
    return Group(*steps)


def _blocks(
    console: Console, groups: Sequence[FailureGroup], notes: Sequence[FailureNote]
) -> RenderableType:
    lines: list[RenderableType] = []
    for group in groups:
        width = 2 * console.width
        lines += [
            Text(),
            Text(f"{group.count:,}  {visible(group.code, width)}", "bold red"),
            Text(f"{_key(group, width)}  {visible(_source(group.example), width)}"),
            *_explained(group, notes),
        ]
    return Group(*lines)


def _explained(group: FailureGroup, notes: Sequence[FailureNote]) -> list[Text]:
    """Return the examples of a code, each with its own reason, and what to do about each."""
    examples = _examples(group, notes)
    lines: list[Text] = []
    for number, note in enumerate(examples):
        named = note.message if len(examples) == 1 else f"{_place(note)}: {note.message}"
        lines.append(Text(visible(named, _SHOWN_MESSAGE), "dim"))
        next_step = advice(group.code, note.cause)
        after = examples[number + 1] if number + 1 < len(examples) else None
        if note.trace_id is not None and (after is None or after.trace_id != note.trace_id):
            lines.append(Text(f"trace {visible(note.trace_id, 100)}", "dim"))
        is_repeated = after is not None and advice(group.code, after.cause) == next_step
        if next_step is not None and not is_repeated:
            lines.append(Text(next_step))
    return lines


def _examples(group: FailureGroup, notes: Sequence[FailureNote]) -> list[FailureNote]:
    """Return the examples of a code: the first failure of each cause, then the next ones.

    Examples with the same advice are adjacent, and the very first one comes first.
    """
    alike = [note for note in notes if note.code == group.code] or [group.example]
    firsts = list({note.cause: note for note in reversed(alike)}.values())
    firsts.sort(key=lambda note: note.position)
    rest = [note for note in alike if note not in firsts]
    chosen = sorted([*firsts, *rest][:_SHOWN_EXAMPLES], key=lambda note: note.position)
    order = list(dict.fromkeys(advice(group.code, note.cause) for note in chosen))
    return sorted(chosen, key=lambda note: order.index(advice(group.code, note.cause)))


def _place(note: FailureNote) -> str:
    if note.key is None:
        return _source(note)
    key = note.key if note.entity is None else f"{note.entity} {note.key}"
    return f"{visible(key, _SHOWN_KEY)} ({_source(note)})"


def _source(note: FailureNote) -> str:
    """Return the place of a record, with the installation if it is one of several."""
    if isinstance(note, InstallationFailure):
        return f"{note.source}, in {note.installation}"
    return note.source


def _key(group: FailureGroup, width: int) -> str:
    note = group.example
    if note.key is None:
        return _NO_KEY
    return visible(note.key if note.entity is None else f"{note.entity} {note.key}", width)
