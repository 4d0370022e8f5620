"""The known names that an unknown one is near to. Imported only where there is an error."""

from collections.abc import Iterable, Sequence
from typing import Final

_MOST: Final = 3
_LETTERS_PER_SLIP: Final = 3
"""A name may have a slip for so many of its letters, and always one."""
_MOST_SLIPS: Final = 2
_LEAST_BEGINNING: Final = 3
"""A name that is not near to any may be the beginning of one if it has so many letters."""


def near(name: str, known: Iterable[str]) -> Sequence[str]:
    """Return the known names that differ from `name` by a slip or two, the nearest alone.

    A slip is a letter too many, too few, wrong or swapped with the next one. The case of letters
    does not count, and a hyphen is an underscore. If no name is that near, return the names that
    begin with `name`. If several are equally near, return at most three of them.
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
    """Return the question that names what may have been meant; an empty text for no names."""
    if not names:
        return ""
    *first, last = names
    return f"Did you mean {', '.join(first)} or {last}?" if first else f"Did you mean {last}?"


def hint_of(name: str, known: Iterable[str]) -> str:
    """Return what to say about an unknown name: the nearest known ones, else all of them."""
    names = list(known)
    return did_you_mean(near(name, names)) or f"Known: {', '.join(names)}."


def slips_between(one: str, other: str) -> int:
    """Return the least number of slips that make one text of the other."""
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
