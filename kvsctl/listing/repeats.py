"""Detect repeated cursors and keys of a listing, in bounded memory."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from kvsctl.errors import StreamError

_MOST_EARLY: Final = 10_000
"""How many keys in order are remembered: a service with another order shows it in its first pages.

More would cost every listing memory.
"""
_MOST_IN_MEMORY: Final = 50_000
"""The most keys that are held in memory: about 8 MB."""
_CACHE_KB: Final = 8000
_CREATE: Final = "CREATE TABLE keys (key TEXT PRIMARY KEY) WITHOUT ROWID"
_ADD: Final = "INSERT OR IGNORE INTO keys VALUES (?)"


class CursorCheck:
    """Detects that the cursors of a chain of queries repeat, by remembering one of them.

    This is Brent's algorithm: it detects a chain that returns to an earlier cursor after at most
    three times as many requests as the chain took to return.
    """

    def __init__(self) -> None:
        self._remembered: str | None = None
        self._most_since = 1
        self._since = 0

    def is_repeated(self, cursor: str) -> bool:
        """Take the next cursor. Return whether it is the remembered one."""
        if cursor == self._remembered:
            return True
        self._since += 1
        if self._since == self._most_since:
            self._remembered, self._since = cursor, 0
            self._most_since *= 2
        return False


class ListedKeys:
    """The keys that a listing has yielded, so that it yields none twice.

    While keys come in order, that is certain, and only the first keys are remembered, in case the
    order ends. After that, all keys are: if there are many, in a temporary file. SQLite removes the
    file when it is closed, even by a crash, and no other user can read it.
    """

    def __init__(self, most_in_memory: int = _MOST_IN_MEMORY) -> None:
        self._most_in_memory = most_in_memory
        self._early: list[str] | None = []
        self._keys: set[str] = set()
        self._file: sqlite3.Connection | None = None

    def close(self) -> None:
        """Remove the temporary file, if there is one."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def note_in_order(self, keys: Sequence[str]) -> None:
        """Take keys that come after all others."""
        if self._early is not None:
            self._early.extend(keys)
            if len(self._early) > _MOST_EARLY:
                self._early = None

    def end_order(self) -> bool:
        """Remember all keys from now on. Return False if earlier ones are no longer remembered."""
        if self._early is None:
            return False
        self._keys.update(self._early)
        self._early = None
        return True

    def new_places(self, keys: Sequence[str]) -> list[int]:
        """Take keys in any order. Return the places of the new ones.

        Raise StreamError if the temporary file cannot be written.
        """
        if self._file is None and len(self._keys) + len(keys) > self._most_in_memory:
            self._save()
        if self._file is None:
            return [place for place, key in enumerate(keys) if self._is_new(key)]
        with _errors_named():
            self._file.execute("BEGIN")
            places = [
                place
                for place, key in enumerate(keys)
                if self._file.execute(_ADD, (key,)).rowcount == 1
            ]
            self._file.execute("COMMIT")
        return places

    def _is_new(self, key: str) -> bool:
        if key in self._keys:
            return False
        self._keys.add(key)
        return True

    def _save(self) -> None:
        with _errors_named():
            # Without a name, SQLite makes a temporary file of its own as soon as it needs one.
            file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            for setting in (f"cache_size = -{_CACHE_KB}", "journal_mode = OFF"):
                file.execute(f"PRAGMA {setting}")
            file.execute(_CREATE)
            file.execute("BEGIN")
            file.executemany(_ADD, ((key,) for key in sorted(self._keys)))
            file.execute("COMMIT")
        self._file, self._keys = file, set()


@contextmanager
def _errors_named() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StreamError(
            f"cannot keep listed keys in a temporary file: {error}",
            "Free some space in the folder for temporary files.",
        ) from error
