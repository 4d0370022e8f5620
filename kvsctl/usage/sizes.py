"""A histogram of the sizes of values. Pure."""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

import msgspec

from kvsctl.limits import DEFAULT_LIMITS

BOUNDS: Final = (100, 300, 1000, 3000, 10_000, 30_000, 100_000, DEFAULT_LIMITS.value_bytes)
"""The largest size of each class but the last, in bytes."""


class SizeClass(msgspec.Struct, frozen=True, gc=False):
    """The values that are larger than the class before, and at most `at_most` bytes. None: any."""

    at_most: int | None
    keys: int
    value_bytes: int


class Histogram:
    """Counts sizes by class."""

    def __init__(self) -> None:
        self._keys = [0] * (len(BOUNDS) + 1)
        self._bytes = [0] * (len(BOUNDS) + 1)

    def note(self, sizes: Iterable[int]) -> None:
        """Count some sizes, in bytes."""
        keys, total = self._keys, self._bytes
        for size in sizes:
            place = bisect_left(BOUNDS, size)
            keys[place] += 1
            total[place] += size

    @property
    def classes(self) -> list[SizeClass]:
        """Every class, the smallest sizes first."""
        return list(map(SizeClass, (*BOUNDS, None), self._keys, self._bytes))
