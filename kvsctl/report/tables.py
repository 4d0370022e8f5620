"""The report for people."""

from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kvsctl.report.advice import advice
from kvsctl.report.document import About
from kvsctl.report.escape import visible
from kvsctl.report.tally import FailureGroup, Tally

_SHOWN_CODES: Final = 20
_TABLE_WIDTH: Final = 60  # what is narrower gets a block for each code
_SHOWN_MESSAGE: Final = 200
_NO_KEY: Final = "(no key)"


def print_report(
    console: Console,
    tally: Tally,
    about: About,
    elapsed_seconds: float,
    *,
    failures_path: str | None = None,
) -> None:
    """Prints the target, one line of totals, and what failed, by code, with what to do next.

    Everything from outside is made visible. On a terminal nothing is wider than it; in a log the
    target, the totals and the failures file stay on one line each.
    """
    with console.capture() as page:
        _print_path(console, _headline(about))
        console.print(_totals(console, tally, elapsed_seconds), soft_wrap=True)
        for note in _notes(tally):
            console.print(Text(note, "yellow"))
        _print_failures(console, tally.groups)
        if failures_path is not None and tally.failed:
            _print_path(console, Text(f"Failed records, to be fed back: {visible(failures_path)}"))
    # Rich fills table cells and padding up with spaces, which only litter a log.
    lines = (line.rstrip() for line in page.get().splitlines())
    console.file.write("".join(f"{line}\n" for line in lines))


def _print_path(console: Console, line: Text) -> None:
    """Folds at the edge of a terminal; in a log a path that is broken is no path."""
    if console.is_terminal:
        console.print(line, overflow="fold")
    else:
        console.print(line, soft_wrap=True)


def _print_failures(console: Console, groups: list[FailureGroup]) -> None:
    shown, rest = groups[:_SHOWN_CODES], groups[_SHOWN_CODES:]
    if shown and console.width >= _TABLE_WIDTH:
        console.print(_table(console, shown), _next_steps(shown), sep="")
    elif shown:
        console.print(_blocks(console, shown))
    if rest:
        failed = sum(group.count for group in rest)
        console.print(f"and {failed:,} {_plural('failure', failed)} with other codes")


def _headline(about: About) -> Text:
    text = Text(f"{visible(about.command)}  ", "bold")
    if about.local_path is not None:
        return text.append(f"LOCAL EMULATOR {visible(about.local_path)}", "bold cyan")
    text.append(visible(about.target), "bold cyan")
    if about.token_source is not None:
        text.append(f"  token: {visible(about.token_source)}", "dim")
    return text


def _totals(console: Console, tally: Tally, elapsed_seconds: float) -> Text:
    separator = ", " if console.options.ascii_only else " · "
    lines = [Text()]
    for part, style in _total_parts(tally, elapsed_seconds):
        width = lines[-1].cell_len + len(separator) + len(part)
        if not lines[-1]:
            lines[-1].append(part, style)
        elif console.is_terminal and width > console.width:
            lines.append(Text(part, style))
        else:
            lines[-1].append(separator).append(part, style)
    return Text("\n").join(lines)


def _total_parts(tally: Tally, elapsed_seconds: float) -> list[tuple[str, str]]:
    settled = tally.succeeded + tally.failed + tally.skipped + tally.duplicates
    parts = [
        (f"{tally.records:,} {_plural('record', tally.records)}", ""),
        (f"{tally.succeeded:,} succeeded", "green" if tally.succeeded else ""),
        (f"{tally.failed:,} failed", "bold red" if tally.failed else ""),
    ]
    if tally.skipped:
        reasons = ", ".join(
            f"{visible(name)} {count:,}" for name, count in sorted(tally.skipped_by.items())
        )
        parts.append((f"{tally.skipped:,} skipped ({reasons})", "yellow"))
    for count, name in (
        (tally.duplicates, _plural("duplicate", tally.duplicates)),
        (tally.unknown, "unknown"),
        (tally.unsent, "unsent"),
    ):
        if count:
            parts.append((f"{count:,} {name}", "yellow"))
    parts += [
        (_duration(elapsed_seconds), ""),
        (f"{settled / elapsed_seconds if elapsed_seconds > 0 else 0:,.0f} keys/s", ""),
        (f"{tally.retries:,} {'retry' if tally.retries == 1 else 'retries'}", ""),
        (f"{tally.throttled:,} throttled", "yellow" if tally.throttled else ""),
        (_units(tally), ""),
    ]
    return parts


def _units(tally: Tally) -> str:
    used = [(tally.units_read, "read"), (tally.units_write, "write")]
    named = [f"{count:,} {name}" for count, name in used if count]
    total = tally.units_read + tally.units_write
    return f"{' + '.join(named) or '0'} {_plural('unit', total)}"


def _notes(tally: Tally) -> list[str]:
    notes = []
    if tally.ambiguous:
        records = _plural("record", tally.ambiguous)
        notes.append(
            f"{tally.ambiguous:,} {records} had an attempt that went unanswered: a late one may "
            "still land."
        )
    if tally.unknown or tally.unsent:
        notes.append("The run ended early. Running the same command again is safe.")
    return notes


def _table(console: Console, groups: list[FailureGroup]) -> RenderableType:
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
            Text(visible(group.example.source, 2 * cell_width)),
        )
    return table


def _next_steps(groups: list[FailureGroup]) -> RenderableType:
    steps: list[RenderableType] = []
    for group in groups:
        steps.append(Text(visible(group.code, _SHOWN_MESSAGE), "bold"))
        steps += [Padding(line, (0, 0, 0, 2)) for line in _explained(group)]
    return Group(*steps)


def _blocks(console: Console, groups: list[FailureGroup]) -> RenderableType:
    lines: list[RenderableType] = []
    for group in groups:
        width = 2 * console.width
        lines += [
            Text(),
            Text(f"{group.count:,}  {visible(group.code, width)}", "bold red"),
            Text(f"{_key(group, width)}  {visible(group.example.source, width)}"),
            *_explained(group),
        ]
    return Group(*lines)


def _explained(group: FailureGroup) -> list[Text]:
    lines = [Text(visible(group.example.message, _SHOWN_MESSAGE), "dim")]
    if (next_step := advice(group.code)) is not None:
        lines.append(Text(next_step))
    if group.example.trace_id is not None:
        lines.append(Text(f"trace {visible(group.example.trace_id, 100)}", "dim"))
    return lines


def _key(group: FailureGroup, width: int) -> str:
    note = group.example
    if note.key is None:
        return _NO_KEY
    return visible(note.key if note.entity is None else f"{note.entity} {note.key}", width)


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"
