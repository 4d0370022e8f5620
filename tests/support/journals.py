"""Journals made in one line each."""

from typing import Any

from kvsctl.journal.state import Header
from kvsctl.journal.text import encode_header

HEADER = Header(
    "0.1", "set", "local", {"ttl": None}, [{"kind": "stdin"}], None, None, True, "2026-01-01"
)


def header_line() -> bytes:
    """The first line of a journal."""
    return encode_header(HEADER)[0]


def note(position: int, key: str = "k") -> dict[str, Any]:
    """A failure as a journal keeps it."""
    return {"position": position, "key": key, "code": "NO_ANSWER"}
