"""The known names that a mistyped one is near to."""

from collections.abc import Iterable, Sequence
from typing import Final

_MOST: Final = 3
_LETTERS_PER_SLIP: Final = 4
"""A name may have a slip for so many of its letters, and always one."""


def near(name: str, known: Iterable[str]) -> Sequence[str]:
    """Return the known names that differ from `name` by a slip or two, the nearest alone.

    A slip is a letter too many, too few, wrong or swapped with the next one. Several names are
    returned if they are equally near, at most three.
    """
    allowed = max(1, len(name.strip("-")) // _LETTERS_PER_SLIP)
    slips = {one: slips_between(name, one) for one in known}
    least = min(slips.values(), default=allowed + 1)
    if least > min(allowed, 2):
        return ()
    return sorted(one for one, count in slips.items() if count == least)[:_MOST]


def did_you_mean(names: Sequence[str]) -> str:
    """Return the question that names what may have been meant; an empty text for no names."""
    if not names:
        return ""
    *first, last = names
    return f"Did you mean {', '.join(first)} or {last}?" if first else f"Did you mean {last}?"


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
