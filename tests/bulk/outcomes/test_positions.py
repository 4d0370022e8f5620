"""Ranges of positions, which must agree with a plain set."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.outcomes.positions import SettledRanges

_POSITIONS = st.integers(0, 40)
_ADDITIONS = st.one_of(
    _POSITIONS,
    st.tuples(_POSITIONS, st.integers(0, 6)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    st.lists(_POSITIONS, max_size=8, unique=True),
)


@given(st.lists(_ADDITIONS, max_size=30))
def test_ranges_agree_with_a_set(
    additions: list[int | tuple[int, int] | list[int]],
) -> None:
    ranges, model = SettledRanges(), set[int]()
    for added in additions:
        if isinstance(added, int):
            ranges.add(added)
            model.add(added)
        elif isinstance(added, tuple):
            ranges.add(*added)
            model.update(range(*added))
        else:
            ranges.add_all(added)
            model.update(added)
        kept = list(ranges)
        assert {place for start, stop in kept for place in range(start, stop)} == model
        assert all(start < stop for start, stop in kept)
        assert all(one[1] < other[0] for one, other in pairwise(kept)), "touching or out of order"
        assert len(ranges) == len(model)
        assert [place for place in range(-1, 50) if place in ranges] == sorted(model)
        assert ranges.settled_through == min(set(range(50)) - model)


@given(st.lists(st.tuples(_POSITIONS, _POSITIONS)), st.lists(st.tuples(_POSITIONS, _POSITIONS)))
def test_discarding_agrees_with_a_set(
    additions: list[tuple[int, int]], discarded: list[tuple[int, int]]
) -> None:
    ranges, model = SettledRanges(), set[int]()
    for one, other in additions:
        ranges.add(min(one, other), max(one, other))
        model.update(range(min(one, other), max(one, other)))
    for start, stop in discarded:
        ranges.discard(start, stop)
        model.difference_update(range(start, stop))
        kept = list(ranges)
        assert {place for first, last in kept for place in range(first, last)} == model
        assert all(first < last for first, last in kept)
        assert all(one[1] < other[0] for one, other in pairwise(kept)), "touching or out of order"


@given(st.permutations(range(12)))
def test_any_order_ends_in_one_range(order: list[int]) -> None:
    ranges = SettledRanges()
    for position in order:
        ranges.add(position)
    assert list(ranges) == [(0, 12)]


def test_ranges_are_made_of_ranges() -> None:
    ranges = SettledRanges([(5, 7), (0, 2), (7, 9)])
    assert repr(ranges) == "SettledRanges([(0, 2), (5, 9)])"
    assert list(SettledRanges(ranges)) == list(ranges)


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (-2, None), (4, 3)])
def test_no_range_is_refused(start: int, stop: int | None) -> None:
    with pytest.raises(ValueError, match="not a range of positions"):
        SettledRanges().add(start, stop)


@pytest.mark.parametrize("positions", [[-1], [-2, 3], [-1, 0]])
def test_no_position_is_refused_in_bulk(positions: list[int]) -> None:
    with pytest.raises(ValueError, match="not a range of positions"):
        SettledRanges().add_all(positions)


@given(st.sets(_POSITIONS), st.sets(_POSITIONS))
def test_shared_positions_agree_with_sets(one: set[int], other: set[int]) -> None:
    ranges, others = SettledRanges(), SettledRanges()
    ranges.add_all(list(one))
    others.add_all(list(other))
    assert ranges.shared(others) == len(one & other)
