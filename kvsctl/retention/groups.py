"""Groups of keys by a template, and the latest records of each. Pure."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, NamedTuple

from kvsctl.errors import UsageError
from kvsctl.jsontext import quoted

_WILDCARD: Final = re.compile(r"(\{[^{}]*\}|\*)")
_NAME: Final = re.compile(r"\{[A-Za-z_]\w*\}")
_EXAMPLE: Final = "Write it as 'report:{customer}:*'."


class GroupTemplate(NamedTuple):
    """A template such as `report:{customer}:*`, which tells which group a key belongs to.

    `{name}` stands for one or more characters, which are part of the group's name; `*` for any
    characters, which are not. Each takes as few characters as possible. There are one more
    `literals` than wildcards; `is_name` says which wildcards are names.
    """

    text: str
    literals: Sequence[str]
    is_name: Sequence[bool]

    @classmethod
    def of(cls, text: str) -> "GroupTemplate":
        """Return the template that a text describes. Raise UsageError."""
        literals, wildcards = (parts := _WILDCARD.split(text))[::2], parts[1::2]
        for wildcard in wildcards:
            if wildcard != "*" and not _NAME.fullmatch(wildcard):
                raise _wrong(text, f"{quoted(wildcard)} is not a name in braces")
        for literal in literals:
            if brace := re.search(r"[{}]", literal):
                raise _wrong(text, f"{quoted(brace[0])} is on its own")
        if any(not literal for literal in literals[1:-1]):
            raise _wrong(text, "there is nothing between two of its parts")
        names = [wildcard for wildcard in wildcards if wildcard != "*"]
        if not names:
            raise _wrong(text, "no name in braces")
        if len({*names}) < len(names):
            raise _wrong(text, "a name occurs twice")
        return cls(text, literals, [wildcard != "*" for wildcard in wildcards])

    def group_of(self, key: str) -> tuple[str, ...] | None:
        """Return the group of a key, as the texts of the names; None if it does not fit.

        Takes time proportional to the length of the key: the first place where a literal fits
        always leaves the most room for the rest.
        """
        first, *others = self.literals
        if not key.startswith(first):
            return None
        group: list[str] = []
        start = len(first)
        for place, literal in enumerate(others):
            is_name = self.is_name[place]
            is_last = place == len(others) - 1
            least = start + is_name
            end = len(key) - len(literal) if is_last else key.find(literal, least)
            if end < least or not key.startswith(literal, end):
                return None
            if is_name:
                group.append(key[start:end])
            start = end + len(literal)
        return tuple(group)


class Latest:
    """The `count` latest records of each group.

    It holds `count` records of every group in memory. Among records of the same time, those with
    higher keys count as later.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._groups: dict[tuple[str, ...], list[tuple[float, str]]] = {}

    def take(self, group: tuple[str, ...], time: float, key: str) -> None:
        """Take a record. `time`: epoch seconds."""
        latest = self._groups.setdefault(group, [])
        one = (time, key)
        if len(latest) == self._count and one <= latest[0]:
            return
        place = bisect_left(latest, one)
        if latest[place : place + 1] != [one]:
            latest.insert(place, one)
            del latest[: -self._count]

    def has(self, group: tuple[str, ...], time: float, key: str) -> bool:
        """Return whether a record is among the latest of its group that were taken so far."""
        latest = self._groups.get(group, [])
        return len(latest) < self._count or (time, key) >= latest[0]


def _wrong(text: str, why: str) -> UsageError:
    return UsageError(f"{quoted(text)} is not a template of groups: {why}", _EXAMPLE)
