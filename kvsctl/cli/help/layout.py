"""A page as text: as wide as the terminal, and at most 100 columns."""

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from kvsctl.cli.help.page import TIED, Page, Row, Section
from kvsctl.cli.help.places import documentation
from kvsctl.cli.options import panels
from kvsctl.report.colour import has_colour

WIDTH: Final = 100
"""The most columns of a page: longer lines are hard to read."""
_LEAST: Final = 40
_WITHOUT_TERMINAL: Final = 80
_NAMES: Final = 30
"""The most columns of names with their texts beside them."""
_TEXTS: Final = 30
"""The least columns of texts beside names."""
_BELOW: Final = 8
"""The column at which texts below their names begin."""
_NO_SHORT_NAME: Final = "    "


def shown(page: Page) -> str:
    """Return a page for stdout: with its width, and with colours if it has them."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    width = max(_LEAST, min(_columns(), WIDTH))
    return laid_out(page, width, bold=has_colour(os.environ, is_terminal=is_terminal))


def _columns() -> int:
    """Return the columns of the terminal, or of `COLUMNS`.

    This is `shutil.get_terminal_size` without importing `shutil`, which takes long.
    """
    if (given := os.environ.get("COLUMNS", "")).isdecimal() and int(given) > 0:
        return int(given)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else -1).columns
    except (OSError, ValueError):
        return _WITHOUT_TERMINAL


def laid_out(page: Page, width: int, *, bold: bool = False) -> str:
    """Return a page as lines of at most `width` columns; commands and paths are never broken.

    Headings and names are bold on request: the one attribute that shows on any background.
    """
    return "".join(f"{line}\n" for line in _Layout(width, bold).lines(page))


class _Layout:
    def __init__(self, width: int, has_bold: bool) -> None:
        self._width = width
        self._has_bold = has_bold

    def lines(self, page: Page) -> Iterator[str]:
        yield from wrapped(page.sentence, self._width)
        yield ""
        if page.examples:
            yield self._heading("Examples" if len(page.examples) > 1 else "Example")
            for does, *commands in page.examples:
                yield from (f"  {line}" for line in wrapped(f"{does}:", self._width - 2))
                yield from (f"    {command}" for command in commands)
            yield ""
        if page.usage:
            yield f"{self._heading('Usage')} {page.usage}"
            yield ""
        for paragraph in page.paragraphs:
            has_lines = "\n" in paragraph
            lines = [f"    {one}" for one in paragraph.split("\n")] if has_lines else None
            yield from lines or wrapped(paragraph, self._width)
            yield ""
        options = self._column(
            [row for one in page.sections if _has_options(one) for row in one.rows]
        )
        others = self._column(
            [row for one in page.sections if not _has_options(one) for row in one.rows]
        )
        for section in page.sections:
            yield self._heading(section.heading)
            yield from self._table(section.rows, options if _has_options(section) else others)
            yield ""
        yield self._heading("More")
        more = [*page.more, Row("Documentation", documentation(page.docs))]
        yield from self._table(more, self._column(more))

    def _heading(self, text: str) -> str:
        return f"{self._bold(text)}:"

    def _bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self._has_bold else text

    def _column(self, rows: Sequence[Row]) -> int:
        """Return where the texts of rows begin: beside names, or below them on a narrow screen."""
        lengths = [len(_aligned(row.name)) for row in rows]
        column = 4 + max((one for one in lengths if one <= _NAMES), default=0)
        return column if self._width - column >= _TEXTS else _BELOW

    def _table(self, rows: Sequence[Row], column: int) -> Iterator[str]:
        for row in rows:
            name = _aligned(row.name)
            indent = " " * (2 + len(name) - len(row.name))
            texts = wrapped(row.text, self._width - column)
            start = f"{indent}{self._bold(row.name)}"
            if len(name) + 4 <= column and texts:
                start += " " * (column - 2 - len(name)) + texts.pop(0)
            yield start
            yield from (f"{' ' * column}{text}" for text in texts)


def _has_options(section: Section) -> bool:
    """Return whether a section has options or arguments, which share their columns."""
    return section.heading == panels.ARGUMENTS or section.rows[0].name.startswith("-")


def _aligned(name: str) -> str:
    """Return a name with room for a short one before it, if it has none."""
    return _NO_SHORT_NAME + name if name.startswith("--") else name


def wrapped(text: str, width: int) -> list[str]:
    """Return a text as lines that break between words, as `broken` does, with all its spaces."""
    return [line.replace(TIED, " ") for line in broken(text, width)]


def broken(text: str, width: int) -> list[str]:
    """Break a text between words into lines; a longer word has a line of its own."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line] if line else lines
