"""Find the lines of tables and names in a TOML text.

`tomllib` gives a line only for texts that are not TOML. So a valid text is cut into statements,
each the fewest lines that are TOML by themselves, and each statement is parsed alone.
"""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

_ENDS: Final = ("]", '"""', "'''")
"""The last line of a value of several lines holds one of these. Only there it is parsed."""
Path = tuple[str | int, ...]
"""Names of members, and places in arrays of tables, from the top of a document."""


class TomlLines:
    """The lines of a text, which must be TOML."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}
        table: Path = ()
        for line, parsed, is_header in _statements(text):
            if is_header:
                table = self._table(parsed)
                self._lines.setdefault(table, line)
            else:
                for name in parsed:
                    self._lines.setdefault((*table, name), line)

    def of(self, *path: str | int) -> int:
        """Return the line, from 1, on which the name or table at `path` begins.

        Everything inside a value has the line on which the value begins.
        """
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def _table(self, parsed: Mapping[str, Any]) -> Path:
        """Return the path of the table that a header begins, or of one more in an array."""
        path: Path = ()
        at: Any = parsed
        while isinstance(at, dict) and at:
            [(name, at)] = at.items()
            path = (*path, name)
            if isinstance(at, list):
                number = self._tables.get(path, -1) + 1
                self._tables[path] = number
                return (*path, number)
            if path in self._tables:
                path = (*path, self._tables[path])
        return path


def _statements(text: str) -> Iterator[tuple[int, Mapping[str, Any], bool]]:
    """Yield the first line of each statement, its content, and whether it is a header."""
    lines: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not lines and (not line.strip() or line.lstrip().startswith("#")):
            continue
        lines.append(line)
        if len(lines) > 1 and not any(end in line for end in _ENDS):
            continue
        try:
            parsed = tomllib.loads("\n".join(lines))
        except tomllib.TOMLDecodeError:  # within a value of several lines
            continue
        yield number - len(lines) + 1, parsed, lines[0].lstrip().startswith("[")
        lines.clear()
