"""Which lines of a failures file stand, until a later record of the same identity replaces them."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from kvsctl.model import Identity

_MOST_IN_MEMORY: Final = 20_000
_SIEVE_BITS: Final = 1 << 23
_CACHE_KIB: Final = 4000


class Standing:
    """Lines by identity, exactly, in memory that does not grow with them: one bit a line.

    Beyond `most_in_memory` lines they go to a database in a temporary file, which is gone with
    the process. OSError is raised where that cannot be written.
    """

    def __init__(self, most_in_memory: int = _MOST_IN_MEMORY) -> None:
        self._most_in_memory = most_in_memory
        self._lines: dict[Identity, list[int]] = {}
        self._count = 0
        self._replaced = bytearray()
        self._database: sqlite3.Connection | None = None
        self._sieve = bytearray()

    @property
    def has_replaced(self) -> bool:
        """Whether any line was replaced."""
        return bool(self._replaced)

    def is_replaced(self, line: int) -> bool:
        """Whether a later record has taken the place of this line."""
        place = line >> 3
        return place < len(self._replaced) and bool(self._replaced[place] >> (line & 7) & 1)

    def add(self, identity: Identity, line: int) -> None:
        """A line with this identity stands in the file."""
        self._lines.setdefault(identity, []).append(line)
        self._count += 1
        if self._count > self._most_in_memory:
            self._move_to_disk()

    def replace(self, identity: Identity) -> None:
        """What stands under this identity is replaced."""
        if self._lines and (lines := self._lines.pop(identity, None)):
            self._count -= len(lines)
            for line in lines:
                self._mark(line)
        if self._database is not None and self._may_be_on_disk(identity):
            self._replace_on_disk(self._database, identity)

    def close(self) -> None:
        """Removes the temporary file. What is replaced stays known."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _mark(self, line: int) -> None:
        place = line >> 3
        if place >= len(self._replaced):
            self._replaced.extend(bytes(max(1024, place + 1 - len(self._replaced))))
        self._replaced[place] |= 1 << (line & 7)

    def _move_to_disk(self) -> None:
        with _told_as_os_error():
            if self._database is None:
                self._database = _temporary_database()
                self._sieve = bytearray(_SIEVE_BITS >> 3)
            self._database.executemany(
                "INSERT INTO standing VALUES (?, ?)",
                ((_text(one), line) for one, lines in self._lines.items() for line in lines),
            )
        for identity in self._lines:
            place = hash(identity) % _SIEVE_BITS
            self._sieve[place >> 3] |= 1 << (place & 7)
        self._lines.clear()
        self._count = 0

    def _may_be_on_disk(self, identity: Identity) -> bool:
        """False saves a search: most records of a run never failed."""
        place = hash(identity) % _SIEVE_BITS
        return bool(self._sieve[place >> 3] >> (place & 7) & 1)

    def _replace_on_disk(self, database: sqlite3.Connection, identity: Identity) -> None:
        named = (_text(identity),)
        with _told_as_os_error():
            found = database.execute("SELECT line FROM standing WHERE identity = ?", named)
            has_any = False
            for (line,) in found:
                self._mark(line)
                has_any = True
            if has_any:
                database.execute("DELETE FROM standing WHERE identity = ?", named)


def _temporary_database() -> sqlite3.Connection:
    # An empty name is a file in the folder for temporary files that nobody else can open.
    database = sqlite3.connect("", isolation_level=None)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    database.execute(
        "CREATE TABLE standing (identity TEXT, line INTEGER, PRIMARY KEY (identity, line)) "
        "WITHOUT ROWID"
    )
    database.execute("BEGIN")
    return database


def _text(identity: Identity) -> str:
    """One text an identity: quoted, so that entity and key cannot run into each other."""
    return ascii((identity.entity, identity.key))


@contextmanager
def _told_as_os_error() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(errno.EIO, f"the temporary file of what stands in it: {error}") from error
