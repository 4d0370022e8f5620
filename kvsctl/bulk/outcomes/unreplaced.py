"""Failures that no later record of the same identity has replaced."""

import errno
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from kvsctl.model import Lane

_MAX_IN_MEMORY: Final = 20_000
_SIEVE_BITS: Final = 1 << 23
_CACHE_KIB: Final = 4000


class Standing:
    """The numbers of each lane, exact and in bounded memory.

    A number is a line or a position. If there are more than `most_in_memory`, they are moved to a
    database in a temporary file, which is deleted with the process. Methods raise OSError if that
    file cannot be written.
    """

    def __init__(self, most_in_memory: int = _MAX_IN_MEMORY) -> None:
        self._most_in_memory = most_in_memory
        self._numbers: dict[Lane, list[int]] = {}
        self._count = 0
        self._database: sqlite3.Connection | None = None
        self._sieve = bytearray()

    def __bool__(self) -> bool:
        """Return whether any number may be left."""
        return bool(self._numbers) or self._database is not None

    def add(self, lane: Lane, number: int) -> None:
        """Add a number to those of the lane."""
        self._numbers.setdefault(lane, []).append(number)
        self._count += 1
        if self._count > self._most_in_memory:
            self._move_to_disk()

    def take(self, lane: Lane) -> list[int]:
        """Remove and return the numbers of the lane."""
        numbers = self._numbers.pop(lane, []) if self._numbers else []
        self._count -= len(numbers)
        if self._database is not None and self._may_be_on_disk(lane):
            numbers += self._take_from_disk(self._database, lane)
        return numbers

    def may_hold(self, lanes: Collection[Lane]) -> bool:
        """Return False if certainly none of these lanes has a number. Faster than `take`."""
        if not self._numbers.keys().isdisjoint(lanes):
            return True
        return self._database is not None and any(map(self._may_be_on_disk, lanes))

    def close(self) -> None:
        """Remove all numbers and the temporary file."""
        self._numbers.clear()
        if self._database is not None:
            self._database.close()
            self._database = None

    def _move_to_disk(self) -> None:
        with _raising_os_error():
            if self._database is None:
                self._database = _temporary_database()
                self._sieve = bytearray(_SIEVE_BITS >> 3)
            self._database.executemany(
                "INSERT INTO standing VALUES (?, ?)",
                ((_text(one), n) for one, numbers in self._numbers.items() for n in numbers),
            )
        for lane in self._numbers:
            place = hash(lane) % _SIEVE_BITS
            self._sieve[place >> 3] |= 1 << (place & 7)
        self._numbers.clear()
        self._count = 0

    def _may_be_on_disk(self, lane: Lane) -> bool:
        """Return False if the lane is certainly not on disk, as for records that never failed."""
        place = hash(lane) % _SIEVE_BITS
        return bool(self._sieve[place >> 3] >> (place & 7) & 1)

    def _take_from_disk(self, database: sqlite3.Connection, lane: Lane) -> list[int]:
        named = (_text(lane),)
        with _raising_os_error():
            found = database.execute("SELECT number FROM standing WHERE identity = ?", named)
            numbers = [number for (number,) in found]
            if numbers:
                database.execute("DELETE FROM standing WHERE identity = ?", named)
        return numbers


class NumberSet:
    """A set of numbers from 0, with one bit for each up to the largest."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def __bool__(self) -> bool:
        return bool(self._bits)

    def __contains__(self, number: int) -> bool:
        place = number >> 3
        return place < len(self._bits) and bool(self._bits[place] >> (number & 7) & 1)

    def update(self, numbers: Iterable[int]) -> None:
        """Add numbers."""
        for number in numbers:
            place = number >> 3
            if place >= len(self._bits):
                self._bits.extend(bytes(max(1024, place + 1 - len(self._bits))))
            self._bits[place] |= 1 << (number & 7)


def _temporary_database() -> sqlite3.Connection:
    # An empty name creates a temporary file that no other process can open.
    database = sqlite3.connect("", isolation_level=None)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    database.execute(
        "CREATE TABLE standing (identity TEXT, number INTEGER, PRIMARY KEY (identity, number)) "
        "WITHOUT ROWID"
    )
    database.execute("BEGIN")
    return database


def _text(lane: Lane) -> str:
    """Return a unique text of a lane, in ASCII."""
    return ascii(lane)


@contextmanager
def _raising_os_error() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(errno.EIO, f"temporary file: {error}") from error
