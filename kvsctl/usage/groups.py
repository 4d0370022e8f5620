"""The sums by prefix, in bounded memory: if there are too many, they are in a temporary file."""

import heapq
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

import msgspec

from kvsctl.errors import StreamError
from kvsctl.usage.totals import Totals

_MOST_IN_MEMORY: Final = 20_000
"""The most prefixes that are held in memory: about 7 MB."""
_CACHE_KB: Final = 8000
_CREATE: Final = """
    CREATE TABLE sums (
        entity BLOB, prefix BLOB, keys INTEGER, value_bytes INTEGER, answer_bytes INTEGER,
        without_ttl INTEGER, PRIMARY KEY (entity, prefix)
    ) WITHOUT ROWID
"""
_ADD: Final = """
    INSERT INTO sums VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
        keys = keys + excluded.keys, value_bytes = value_bytes + excluded.value_bytes,
        answer_bytes = answer_bytes + excluded.answer_bytes,
        without_ttl = without_ttl + excluded.without_ttl
"""
_LARGEST: Final = """
    SELECT * FROM sums ORDER BY value_bytes DESC, keys DESC, entity, prefix LIMIT ?
"""

Name: TypeAlias = tuple[str, str]
"""An entity, or "" for plain keys, and a prefix."""


class Row(msgspec.Struct, frozen=True):
    """The records with one prefix. `entity` None: plain keys."""

    entity: str | None
    prefix: str
    totals: Totals


class Groups:
    """Sums records by entity and prefix. Close it at the end.

    Methods raise StreamError if the temporary file cannot be written. SQLite removes the file when
    it is closed, even by a crash, and no other user can read it.
    """

    def __init__(self, most_in_memory: int = _MOST_IN_MEMORY) -> None:
        self._most = most_in_memory
        self._sums: dict[Name, Totals] = {}
        self._file: sqlite3.Connection | None = None

    def close(self) -> None:
        """Remove the temporary file, if there is one."""
        if self._file is not None:
            self._file.close()

    def at(self, name: Name) -> Totals:
        """Return the sums of a name. The caller adds records to them before the next call."""
        sums = self._sums.get(name)
        if sums is None:
            if len(self._sums) >= self._most:
                self._save()
            sums = self._sums[name] = Totals()
        return sums

    def count(self) -> int:
        """Return how many names have records."""
        if self._file is None:
            return len(self._sums)
        with self._saved() as file:
            return int(file.execute("SELECT count(*) FROM sums").fetchone()[0])

    def largest(self, count: int) -> list[Row]:
        """Return at most `count` names: by bytes of values, then by keys, the largest first.

        Names that are equal in both are sorted.
        """
        if self._file is None:
            found = heapq.nsmallest(count, self._sums.items(), key=_rank)
            return [Row(entity or None, prefix, sums) for (entity, prefix), sums in found]
        with self._saved() as file:
            return [
                Row(_text(entity) or None, _text(prefix), Totals(*sums))
                for entity, prefix, *sums in file.execute(_LARGEST, (count,))
            ]

    @contextmanager
    def _saved(self) -> Iterator[sqlite3.Connection]:
        self._save()
        assert self._file is not None  # noqa: S101
        with _errors_named():
            yield self._file

    def _save(self) -> None:
        """Add what is in memory to what is in the file."""
        with _errors_named():
            if self._file is None:
                # Without a name, SQLite makes a temporary file of its own as soon as it needs one.
                self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
                for setting in (f"cache_size = -{_CACHE_KB}", "journal_mode = OFF"):
                    self._file.execute(f"PRAGMA {setting}")
                self._file.execute(_CREATE)
            rows = [
                (_blob(entity), _blob(prefix), one.keys, one.value_bytes, one.answer_bytes,
                 one.without_ttl)
                for (entity, prefix), one in sorted(self._sums.items(), key=_name)
            ]  # fmt: skip
            self._file.execute("BEGIN")
            self._file.executemany(_ADD, rows)
            self._file.execute("COMMIT")
        self._sums = {}


@contextmanager
def _errors_named() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StreamError(
            f"cannot keep prefixes in a temporary file: {error}",
            "Free some space in the folder for temporary files, or lower --depth.",
        ) from error


def _name(item: tuple[Name, Totals]) -> Name:
    return item[0]


def _rank(item: tuple[Name, Totals]) -> tuple[int, int, Name]:
    name, sums = item
    return -sums.value_bytes, -sums.keys, name


def _blob(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(blob: bytes) -> str:
    return blob.decode("utf-8", "surrogatepass")
