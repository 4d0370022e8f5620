"""Journals made in one line each, and what they hold."""

from pathlib import Path
from typing import Any

from kvsctl.journal.file import read_journal
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


def records_settled(journal: Path) -> int:
    """Return how many records a journal holds as settled; 0 while it is not there or empty."""
    if not journal.exists() or not journal.stat().st_size:
        return 0
    return read_journal(journal).state.totals.counts.get("records", 0)
