"""The prefix of a key with a given number of levels. Pure."""

from typing import Final

SEPARATORS: Final = ":#._-"
"""Characters that end a level if none is given, the most reliable first."""


def prefix_of(key: str, depth: int, separator: str | None = None, begin: int = 0) -> str:
    """Return the first `depth` levels of a key, or as many as it has.

    A level ends with the separator. None: with the first of `SEPARATORS` that the key has. Levels
    count from the character at `begin`.
    """
    if separator is None:
        for one in SEPARATORS:
            if key.find(one, begin) >= 0:
                separator = one
                break
        else:
            return key[:begin]
    end = begin
    for _ in range(depth):
        found = key.find(separator, end)
        if found < 0:
            break
        end = found + len(separator)
    return key[:end]
