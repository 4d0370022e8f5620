"""The header of a table: its first row, which names the columns."""

import re
from typing import Final

from kvsctl import codes, jsontext
from kvsctl.errors import UsageError
from kvsctl.model import Cause
from kvsctl.records.checks import Breach
from kvsctl.records.cutting.lines import Line
from kvsctl.records.fields import KNOWN_MEMBERS
from kvsctl.records.parsing.cells import Cells, cells_reader

_COLUMNS: Final = KNOWN_MEMBERS - {"options"}
_DELIMITERS: Final = {",": "','", ";": "';'", "\t": r"'\t'", "|": "'|'"}
"""Delimiters that tables often have, as a shell takes them."""
_COMMENTS: Final = ("#", "//", "--")
_SHOWN_COLUMNS: Final = 12
_LONE_CR: Final = re.compile(r"\r(?!\n)").search


class Header:
    """The column names of a table, and the function that splits its rows into cells.

    Raise UsageError, with the file's name, if the first row cannot be a header: if it is not
    UTF-8, has a column without a name or a duplicate name, or if lines end in CR alone.
    """

    def __init__(self, label: str, line: Line, delimiter: str, *, has_quotes: bool = True) -> None:
        self._place = f"{label}:{line.number}"
        self._text = line.text
        self._has_quotes = has_quotes
        self.read: Cells = cells_reader(delimiter, has_quotes=has_quotes)
        names = self.read(line.text)
        if line.cut or isinstance(names, Breach):
            reason = "the row is too long" if isinstance(names, list) else names.message
            raise UsageError(f"{self._place}: not a valid header: {reason}", self._hint_of_quotes())
        for column, name in enumerate(names, 1):
            if not name:
                raise UsageError(f"{self._place}: column {column} has no name")
            if "\r" in name and b'"' not in line.text:
                # A file without LF is one row: it would pass for a table without records.
                raise UsageError(
                    f"{self._place}: the name of column {column} contains a CR",
                    "End lines with LF or CRLF: tr '\\r' '\\n'",
                )
            if names.index(name) != column - 1:
                raise UsageError(f"{self._place}: duplicate column {jsontext.quoted(name)}")
        self.names = names
        self.columns = {name: column for column, name in enumerate(names)}

    def require(self, name: str, option: str) -> int:
        """Return the index of a column. Raise UsageError if it is missing.

        Its message lists the columns. Its hint names the delimiter that would fit, or `option`.
        """
        if name not in self.columns:
            raise UsageError(
                f"{self._place}: no column {jsontext.quoted(name)}; columns: {_list(self.names)}",
                self._hint(name, option),
            )
        return self.columns[name]

    def _split(self) -> dict[str, list[str]]:
        """Return the names by each delimiter (as a shell takes it) that can separate them."""
        split: dict[str, list[str]] = {}
        for delimiter, written in _DELIMITERS.items():
            names = cells_reader(delimiter, has_quotes=self._has_quotes)(self._text)
            if isinstance(names, list):
                split[written] = names
        return split

    def _hint_of_quotes(self) -> str | None:
        """Return the delimiter between quoted names, if one fits. A lone name shows nothing."""
        fitting = [written for written, names in self._split().items() if len(names) > 1]
        if len(fitting) != 1:
            return None
        return f"The columns are separated by another delimiter: --delimiter {fitting[0]}"

    def _hint(self, name: str, option: str) -> str:
        split = self._split()
        for written, names in split.items():
            if name in names:
                return f"The columns are separated by another delimiter: --delimiter {written}"
        if self.names[0].lstrip().startswith(_COMMENTS):
            return "The first row must be the header: remove the comment above it."
        alike = [one for one in self.names if one.strip().lower() == name.strip().lower()]
        if alike:
            return f"Names must match exactly: the column is {jsontext.quoted(alike[0])}."
        # Perhaps no other delimiter fits, for example because of quotes amid cells.
        written, names = max(split.items(), key=lambda one: len(one[1]), default=("", []))
        if len(names) > len(self.names):
            return (
                f"With --delimiter {written}, the columns are {_list(names)}: "
                f"choose one with {option}."
            )
        return f"Choose a column with {option}."

    def require_known(self) -> None:
        """Raise UsageError if a column is not a member of records."""
        if unknown := [name for name in self.names if name not in _COLUMNS]:
            hint = "Choose the key with --key-field or --key, and the value with --value-field."
            alike = [name for name in _COLUMNS if name.lower() == unknown[0].strip().lower()]
            if alike:
                hint = f"Names must match exactly: write {jsontext.quoted(alike[0])}."
            raise UsageError(f"{self._place}: unknown column {jsontext.quoted(unknown[0])}", hint)

    def require_row(self, cells: list[str] | Breach) -> list[str] | Breach:
        """Return the cells of a row.

        Return a Breach if there are not as many as in the header, or if they repeat the header.
        """
        if isinstance(cells, list) and len(cells) != len(self.names):
            plural = "" if len(cells) == 1 else "s"
            return Breach(
                codes.INVALID_JSON,
                f"the row has {len(cells)} cell{plural}: the header has {len(self.names)}",
                Cause.CR if any(map(_LONE_CR, cells)) else Cause.WIDTH,
            )
        if cells == self.names:
            return Breach(
                codes.INVALID_JSON, "the row repeats the header: files were joined", Cause.HEADER
            )
        return cells


def _list(names: list[str]) -> str:
    """Return the first names in quotes, in bounded space."""
    more = ", …" if len(names) > _SHOWN_COLUMNS else ""
    return ", ".join(map(jsontext.quoted, names[:_SHOWN_COLUMNS])) + more
