"""Keys that are never chosen, whatever else matches."""

import re
from collections.abc import Iterable
from fnmatch import translate

from kvsctl.blake2 import blake2b
from kvsctl.selection.patterns import GLOB_SPECIAL


class Protected:
    """Keys and globs, each of which protects the keys that it matches. There may be many.

    Testing a key takes one look-up for each length of the literal beginnings of globs.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._keys: set[str] = set()
        self._beginnings: set[str] = set()
        self._globs: dict[str, list[str]] = {}
        self._compiled: dict[str, re.Pattern[str]] = {}
        for entry in entries:
            special = GLOB_SPECIAL.search(entry)
            if special is None:
                self._keys.add(entry)
            elif not entry[special.start() :].strip("*"):
                self._beginnings.add(entry[: special.start()])
            else:
                self._globs.setdefault(entry[: special.start()], []).append(entry)
        self._lengths = sorted({len(one) for one in (*self._beginnings, *self._globs)})

    def digest(self) -> str:
        """Return a hash of the keys and globs. Their order does not matter."""
        globs = (one for some in self._globs.values() for one in sorted(set(some)))
        entries = sorted([*self._keys, *globs, *(f"{one}*" for one in self._beginnings)])
        return blake2b("\0".join(entries).encode(), digest_size=16).hexdigest()

    def __len__(self) -> int:
        return len(self._keys) + len(self._beginnings) + sum(map(len, self._globs.values()))

    def __contains__(self, key: str) -> bool:
        if key in self._keys:
            return True
        for length in self._lengths:
            if length > len(key):
                break
            beginning = key[:length]
            if beginning in self._beginnings:
                return True
            if beginning in self._globs and self._matching(beginning).match(key):
                return True
        return False

    def _matching(self, beginning: str) -> re.Pattern[str]:
        """Return a pattern of the globs with a beginning, compiled when it is first needed."""
        pattern = self._compiled.get(beginning)
        if pattern is None:
            pattern = re.compile("|".join(map(translate, self._globs[beginning])))
            self._compiled[beginning] = pattern
        return pattern
