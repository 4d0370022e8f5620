"""The first row of a table, which says what the others mean."""

from typing import Final

from kvsctl import codes, jsontext
from kvsctl.errors import UsageError
from kvsctl.records.checks import Breach
from kvsctl.records.cutting.lines import Line
from kvsctl.records.fields import KNOWN_MEMBERS
from kvsctl.records.parsing.cells import Cells, cells_reader

_COLUMNS: Final = KNOWN_MEMBERS - {"options"}


class Header:
    """The names of a table's columns, and how its rows are read.

    Raises UsageError, which names the file, if the first row is no header: not UTF-8, a column
    without a name, two of the same, lines that end in CR alone.
    """

    def __init__(self, label: str, line: Line, delimiter: str) -> None:
        self._place = f"{label}:{line.number}"
        self.read: Cells = cells_reader(delimiter)
        names = self.read(line.text)
        if line.cut or isinstance(names, Breach):
            reason = "it is far too long" if isinstance(names, list) else names.message
            raise UsageError(f"{self._place} is no header: {reason}")
        for column, name in enumerate(names, 1):
            if not name:
                raise UsageError(f"{self._place}: column {column} has no name")
            if "\r" in name and b'"' not in line.text:
                # Without LF the whole file is this row: it would pass for one without records.
                raise UsageError(
                    f"{self._place}: a CR stands in the name of column {column}",
                    "End lines in LF or CRLF.",
                )
            if names.index(name) != column - 1:
                raise UsageError(f"{self._place}: two columns are named {jsontext.quoted(name)}")
        self.names = names
        self.columns = {name: column for column, name in enumerate(names)}

    def require(self, name: str, option: str) -> int:
        """Where this column is."""
        if name not in self.columns:
            raise UsageError(
                f"{self._place}: no column is named {jsontext.quoted(name)}",
                f"Say which it is by {option}.",
            )
        return self.columns[name]

    def require_known(self) -> None:
        """Raises UsageError for a column that no record has."""
        if unknown := [name for name in self.names if name not in _COLUMNS]:
            raise UsageError(
                f"{self._place}: a record has no column {jsontext.quoted(unknown[0])}",
                "Say what key and value are by --key-field or --key, and --value-field.",
            )

    def require_width(self, cells: list[str] | Breach) -> list[str] | Breach:
        """The same if they are as many as the header has, else a Breach."""
        if isinstance(cells, list) and len(cells) != len(self.names):
            return Breach(
                codes.INVALID_JSON, f"the row has {len(cells)} cells, the header {len(self.names)}"
            )
        return cells
