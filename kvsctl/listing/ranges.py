"""Divide the keys of a store among ranges that can be listed at the same time.

A query can begin at a prefix only: the service has no "start after this key". So what remains of a
range after a key is reached through longer prefixes, one for each legal character that may follow.
Keys are compared by code point, which is the order of the service (contract: section "Behaviour").
"""

from itertools import chain
from typing import Final, NamedTuple

from kvsctl.selection.characters import KEY_CHARACTERS

_REQUESTS_PER_PAGE: Final = 1.0
"""How many requests may be spent on divisions for each page that had records."""


class Range(NamedTuple):
    """The keys that begin with `within` and come after `after`.

    Queries for `prefix` list them; `within` begins with it.
    """

    prefix: str
    within: str
    after: str | None = None

    @classmethod
    def of_prefix(cls, prefix: str) -> "Range":
        """Return the range of all keys that begin with `prefix`."""
        return cls(prefix, prefix)

    def holds(self, key: str) -> bool:
        """Return whether a key belongs to the range."""
        return key.startswith(self.within) and (self.after is None or key > self.after)

    def is_past(self, key: str) -> bool:
        """Return whether a key, and so every later one, comes after all keys of the range."""
        return key > self.within and not key.startswith(self.within)


class Division(NamedTuple):
    """A range that was divided: what its own queries still list, and new ranges for the rest."""

    kept: Range
    others: list[Range]


def divided(range_: Range) -> Division | None:
    """Divide a range at the last key that was listed.

    Return None if it cannot be divided there. The ranges of the result hold the keys of the range,
    each once.
    """
    last, level = range_.after, len(range_.within)
    if last is None or not last.startswith(range_.within) or len(last) == level:
        return None
    return Division(range_._replace(within=last[: level + 1]), _later_siblings(last, level))


def remaining(range_: Range, *, pages_listed: float) -> list[Range]:
    """Return the ranges to list for what remains of a range, in key order.

    `pages_listed`: how many pages its queries have returned. If reading those again costs fewer
    requests than longer prefixes, the result is one range that begins again, and its `after` skips
    the known keys.
    """
    longer = _longer(range_)
    return [range_] if pages_listed <= len(longer) else longer


def _longer(range_: Range) -> list[Range]:
    after, level = range_.after, len(range_.within)
    if after is None:
        return [Range.of_prefix(range_.within)]
    if not after.startswith(range_.within):
        return [] if after > range_.within else [Range.of_prefix(range_.within)]
    own = Range(after, after, after)
    levels = range(len(after) - 1, level - 1, -1)
    return [own, *chain.from_iterable(_later_siblings(after, at) for at in levels)]


def _later_siblings(key: str, level: int) -> list[Range]:
    """Return a range for each legal character that is greater than that of `key` at `level`."""
    stem, character = key[:level], key[level]
    return [Range.of_prefix(stem + other) for other in KEY_CHARACTERS if other > character]


class DivisionBudget:
    """Keeps the requests that divisions cost in proportion to what is listed.

    A listing costs twice its pages at most, and a small store, which needs no division, gets none.
    """

    def __init__(self) -> None:
        self._left = 0.0

    def allows(self, requests: int) -> bool:
        """Return whether a division may cost this many requests."""
        return self._left >= requests

    def note_page(self) -> None:
        """Note a page that had records."""
        self._left += _REQUESTS_PER_PAGE

    def note_ranges(self, count: int) -> None:
        """Note that a division added this many ranges."""
        self._left -= count
