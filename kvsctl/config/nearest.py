"""Find the known names nearest to an unknown one. Imported only if there is an error."""

from collections.abc import Iterable, Sequence
from typing import Final

_MOST: Final = 3
_LETTERS_PER_SLIP: Final = 3
"""A name can have one slip for this many of its letters, and always one."""
_MOST_SLIPS: Final = 2
_LEAST_BEGINNING: Final = 3
"""A name that is not near any can be the beginning of one if it has this many letters."""


def near(name: str, known: Iterable[str]) -> Sequence[str]:
    """Return the known names that differ from `name` by the fewest slips, at most two.

    A slip is a letter that is missing, extra, wrong or swapped with the next one. The case of
    letters does not count, and a hyphen equals an underscore. If no name is that near, return the
    names that begin with `name`. Return at most three names.
    """
    given, names = _plain(name), list(known)
    letters = len(given.strip("_"))
    slips = {one: slips_between(given, _plain(one)) for one in names}
    least = min(slips.values(), default=_MOST_SLIPS + 1)
    if least <= min(max(1, letters // _LETTERS_PER_SLIP), _MOST_SLIPS):
        found = [one for one, count in slips.items() if count == least]
    else:
        is_long = letters >= _LEAST_BEGINNING
        found = [one for one in names if is_long and _plain(one).startswith(given)]
    return sorted(found)[:_MOST]


def did_you_mean(names: Sequence[str]) -> str:
    """Return a question that suggests these names; an empty text for no names."""
    if not names:
        return ""
    *first, last = names
    return f"Did you mean {', '.join(first)} or {last}?" if first else f"Did you mean {last}?"


def hint_of(name: str, known: Iterable[str]) -> str:
    """Return a hint on an unknown name: the nearest known ones, else all of them."""
    names = list(known)
    return did_you_mean(near(name, names)) or f"Known: {', '.join(names)}."


def slips_between(one: str, other: str) -> int:
    """Return the least number of slips that turn one text into the other."""
    before_last: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        current = [row]
        for column, wanted in enumerate(other, 1):
            least = min(
                last[column] + 1, current[column - 1] + 1, last[column - 1] + (letter != wanted)
            )
            is_swapped = (
                min(row, column) > 1 and letter == other[column - 2] and wanted == one[row - 2]
            )
            current.append(min(least, before_last[column - 2] + 1) if is_swapped else least)
        before_last, last = last, current
    return last[-1]


def _plain(name: str) -> str:
    return name.casefold().replace("-", "_")
