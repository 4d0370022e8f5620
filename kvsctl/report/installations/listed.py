"""What `kvsctl installations` prints: a line of JSON for each installation, or a table."""

from collections.abc import Sequence
from typing import NamedTuple

from kvsctl.jsontext import json_line
from kvsctl.report.console import Environment
from kvsctl.report.escape import columns, visible

_HEADER = ("INSTALLATION", "VERSION", "CONTEXT")


class Listed(NamedTuple):
    """An installation, with what is known of it. `context` is the ARI of its site."""

    installation: str
    context: str | None = None
    version: str | None = None
    url: str | None = None


def lines_of(rows: Sequence[Listed]) -> bytes:
    """Return lines of JSON, which `--installations-file` reads. Unknown members are left out."""
    members = (
        {n: value for n, value in row._asdict().items() if value is not None} for row in rows
    )
    return b"".join(json_line(one) + b"\n" for one in members)


def _known(row: Listed) -> dict[str, str]:
    return {name: value for name, value in row._asdict().items() if value is not None}


def table_of(rows: Sequence[Listed], environment: Environment) -> bytes:
    """Return a table. Text from outside is escaped, and characters that stdout cannot encode."""
    cells = [
        _HEADER,
        *((visible(r.installation), _cell(r.version), _cell(r.context or r.url)) for r in rows),
    ]
    widths = [max(columns(row[place]) for row in cells) for place in range(len(_HEADER))]
    text = "".join(_row(row, widths) for row in cells)
    return text.encode(environment.stdout_encoding, "backslashreplace")


def _cell(text: str | None) -> str:
    return "-" if text is None else visible(text)


def _row(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)]
    return "  ".join(padded).rstrip() + "\n"
