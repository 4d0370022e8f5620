"""What is left of a listing, for a journal: ranges, never cursors. Pure."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.listing.ranges import Range, remaining

_PAGE_RECORDS: Final[float] = DEFAULT_LIMITS.query_page

Mark: TypeAlias = tuple[int, str, str, str | None]
"""A range as a journal keeps it: the number of its space, and the members of `Range`."""


class Move(NamedTuple):
    """A range of a space was replaced by others, which hold what is left of it."""

    space: int
    ended: Range
    begun: Sequence[Range]


class _Page(NamedTuple):
    """Moves that count once every position before `stop` is settled.

    `keys` are the keys at the positions from `start` on. The last move is the one that they caused.
    """

    start: int
    stop: int
    keys: Sequence[str]
    moves: Sequence[Move]


class Cutoff:
    """What a journal keeps of a listing that a resumed run starts over: when ages count from."""

    has_begun = True

    def __init__(self, ages_count_from: float | None = None) -> None:
        self.ages_count_from = ages_count_from

    def take(self, settled: int) -> tuple[list[Mark], list[Mark]]:
        """Return no ranges: none is resumed."""
        del settled
        return [], []


class Remainder:
    """The ranges that hold exactly the keys that are not settled yet.

    `left` is what an earlier run has left; None: nothing was listed. `position` is that of the next
    record. If only some records of a page are settled, its range begins after the last settled key.
    `ages_count_from` is the moment, in epoch seconds, that ages count back from; None: not known
    yet, or the selection has no age.
    """

    def __init__(
        self, left: Iterable[Mark] | None, position: int, ages_count_from: float | None = None
    ) -> None:
        self._left = None if left is None else list(left)
        self.position = position
        self.ages_count_from = ages_count_from
        self._pages: deque[_Page] = deque()
        self._ended: dict[Mark, None] = {}
        self._begun: dict[Mark, None] = {}
        self._has_begun = left is not None

    @property
    def has_begun(self) -> bool:
        """Whether it is known what there is to list, from this run or an earlier one."""
        return self._has_begun

    def begin(
        self, spaces: Mapping[int, Sequence[Range]], *, prefixed: Collection[int] = ()
    ) -> dict[int, list[Range]]:
        """Return the ranges to list, by space: those that are left, or else those of `spaces`.

        `prefixed`: the spaces that can certainly be listed by any prefix. A partly listed range of
        theirs begins at longer prefixes if that probably costs fewer queries than listing it again
        and skipping the settled keys.
        """
        self._has_begun = True
        if self._left is None:
            marks = [_mark(space, one) for space, ranges in spaces.items() for one in ranges]
            self._begun.update(dict.fromkeys(marks))
            return {space: list(ranges) for space, ranges in spaces.items()}
        left: dict[int, list[Range]] = {space: [] for space in spaces}
        parts = sum(after is not None for *_, after in self._left)
        pages = self.position / _PAGE_RECORDS / max(parts, 1)
        for space, prefix, within, after in self._left:
            range_ = Range(prefix, within, after)
            again = [range_]
            if space in prefixed:
                again = remaining(range_._replace(prefix=within), pages_listed=pages)
            if again != [range_]:
                self._apply(Move(space, range_, again))
            left[space] += again
        return left

    def note(self, start: int, keys: Sequence[str], moves: Sequence[Move]) -> None:
        """Note a page: its chosen keys, which have the positions from `start` on, and its moves."""
        self._pages.append(_Page(start, start + len(keys), keys, moves))

    def take(self, settled: int) -> tuple[list[Mark], list[Mark]]:
        """Return which ranges have ended and begun since the last call.

        `settled`: every position before it is settled, and no other.
        """
        while self._pages and self._pages[0].stop <= settled:
            for move in self._pages.popleft().moves:
                self._apply(move)
        if self._pages and self._pages[0].start < settled:
            self._apply_part(settled)
        ended, begun = list(self._ended), list(self._begun)
        self._ended.clear()
        self._begun.clear()
        return ended, begun

    def _apply_part(self, settled: int) -> None:
        start, stop, keys, moves = self._pages.popleft()
        *before, made = moves
        for move in before:
            self._apply(move)
        part = made.ended._replace(after=keys[settled - start - 1])
        self._apply(made._replace(begun=[part]))
        self._pages.appendleft(
            _Page(settled, stop, keys[settled - start :], [made._replace(ended=part)])
        )

    def _apply(self, move: Move) -> None:
        ended = _mark(move.space, move.ended)
        if ended in self._begun:
            del self._begun[ended]
        else:
            self._ended[ended] = None
        for one in move.begun:
            mark = _mark(move.space, one)
            if mark in self._ended:  # a range that ended and began again has not changed
                del self._ended[mark]
            else:
                self._begun[mark] = None


def _mark(space: int, range_: Range) -> Mark:
    return space, *range_
