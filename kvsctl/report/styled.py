"""Lines with a few styles, without rich: importing rich takes longer than a get."""

import re
from itertools import groupby
from typing import Final, TypeAlias

from kvsctl.report.console import Environment
from kvsctl.report.escape import columns

Span: TypeAlias = tuple[str, str]
"""Text and its style: words of `_CODES`, or an empty string."""

_WORD: Final = re.compile(r" *[^ ]+ *")
_CODES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def painted(line: list[Span], environment: Environment) -> str:
    """Return the line and a line feed, in colour if stderr has it, folded to a terminal's width.

    In a log it stays on one line, so that a path in it is not broken. The text must be printable.
    """
    rows = _folded(line, environment.width) if environment.is_drawn_on else [line]
    return "".join(f"{row_text(row, environment)}\n" for row in rows)


def is_unicode(encoding: str) -> bool:
    """Return whether an encoding has every character, such as dots and bars."""
    return encoding.lower().startswith("utf")


def separator_of(environment: Environment) -> str:
    """Return the separator between the parts of a line on stderr."""
    return " · " if is_unicode(environment.encoding) else ", "


def span_columns(line: list[Span]) -> int:
    """Return how many terminal columns the line takes."""
    return sum(columns(text) for text, _ in line)


def row_text(row: list[Span], environment: Environment) -> str:
    """Return one row, in colour if stderr has it."""
    if not environment.stderr_has_colour:
        return "".join(text for text, _ in row).rstrip()
    return "".join(_styled(text, style) for text, style in row)


def _styled(text: str, style: str) -> str:
    if not style:
        return text
    return f"\x1b[{';'.join(_CODES[word] for word in style.split())}m{text}\x1b[0m"


def _folded(line: list[Span], width: int) -> list[list[Span]]:
    """Return rows of at most `width` columns, broken between words; a wider word is cut."""
    if span_columns(line) <= width:
        return [line]
    cells = [(character, style) for text, style in line for character in text]
    rows, start = [], 0
    while start < len(cells):
        end = _end_of_row(cells, start, width)
        groups = groupby(cells[start:end], key=lambda cell: cell[1])
        rows.append([("".join(text for text, _ in group), style) for style, group in groups])
        start = end
        while start < len(cells) and cells[start][0] == " ":
            start += 1
    return rows


def _end_of_row(cells: list[Span], start: int, width: int) -> int:
    """Return where the row that begins at `start` ends."""
    taken, last_space, has_word = 0, None, False
    for place in range(start, len(cells)):
        character = cells[place][0]
        if character == " " and has_word:
            last_space = place
        has_word = has_word or character != " "
        taken += columns(character)
        if taken > width:
            return last_space or max(place, start + 1)
    return len(cells)


def wrapped(text: str, width: int) -> str:
    """Return printable text whose lines are broken between words to take at most `width` columns.

    A word that is wider has a line of its own and stays whole, so that it can be copied.
    Continuation lines are indented by two more columns.
    """
    return "\n".join(row for line in text.split("\n") for row in _wrapped_line(line, width))


def _wrapped_line(line: str, width: int) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip(" ")))
    rows: list[str] = []
    row = ""
    for word in _WORD.findall(line):
        if row and columns(row) + columns(word.rstrip(" ")) > width:
            rows.append(row.rstrip(" "))
            row = f"{indent}  "
        row += word
    return [*rows, row]
