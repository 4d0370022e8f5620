"""Settled input positions, kept as ranges. Fewer gaps take less memory."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence


class SettledRanges:
    """A set of positions kept as disjoint half-open ranges in ascending order.

    Adding after the last position is cheap. Adding elsewhere takes a search, and moves as many
    ranges as there are gaps.
    """

    __slots__ = ("_starts", "_stops")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        for start, stop in ranges:
            self.add(start, stop)

    def add(self, start: int, stop: int | None = None) -> None:
        """Add `start`, or all positions from `start` up to but not including `stop`."""
        stops = self._stops
        end = start + 1 if stop is None else stop
        if stops and start == stops[-1] and end > start:  # the most frequent case
            stops[-1] = end
            return
        if start < 0 or end < start:
            raise ValueError(f"not a range of positions: {start} to {end}")
        if end == start:
            return
        if not self._stops or start > self._stops[-1]:
            self._starts.append(start)
            self._stops.append(end)
            return
        # All ranges that touch [start, end] become one with it.
        first = bisect_left(self._stops, start)
        last = bisect_right(self._starts, end)
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._stops[last - 1])
        self._starts[first:last] = [start]
        self._stops[first:last] = [end]

    def add_all(self, positions: Sequence[int]) -> None:
        """Add distinct positions. This is cheap where many are consecutive.

        A run settles each position once, so its positions are distinct. Positions that are not
        distinct give a wrong result: positions between them may be added too.
        """
        if not positions:
            return
        start, end = min(positions), max(positions) + 1
        if end - start == len(positions):
            self.add(start, end)
            return
        start = end = -1
        for position in sorted(positions):
            if position == end:
                end += 1
                continue
            if end > start:
                self.add(start, end)
            start, end = position, position + 1
        if end > start:
            self.add(start, end)

    def shared(self, other: "SettledRanges") -> int:
        """Return how many positions are in both sets."""
        count = place = 0
        theirs = list(other)
        for start, stop in self:
            while place < len(theirs) and theirs[place][1] <= start:
                place += 1
            at = place
            while at < len(theirs) and theirs[at][0] < stop:
                count += min(stop, theirs[at][1]) - max(start, theirs[at][0])
                at += 1
        return count

    def discard(self, start: int, stop: int) -> None:
        """Remove all positions from `start` up to but not including `stop`."""
        first = bisect_right(self._stops, start)
        last = bisect_left(self._starts, stop)
        if start >= stop or first >= last:
            return
        ends = [(self._starts[first], start), (stop, self._stops[last - 1])]
        kept = [(one, other) for one, other in ends if one < other]
        self._starts[first:last] = [one for one, _ in kept]
        self._stops[first:last] = [other for _, other in kept]

    @property
    def settled_through(self) -> int:
        """The first position that is not settled."""
        return self._stops[0] if self._starts and self._starts[0] == 0 else 0

    def __contains__(self, position: int) -> bool:
        found = bisect_right(self._starts, position) - 1
        return found >= 0 and position < self._stops[found]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(zip(self._starts, self._stops, strict=True))

    def __len__(self) -> int:
        """Return how many positions are settled."""
        return sum(self._stops) - sum(self._starts)

    def __repr__(self) -> str:
        return f"SettledRanges({list(self)!r})"
