"""Ranges: divided or begun again, they hold each key of the old range once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.listing.ranges import Range, divided, remaining
from kvsctl.records.checks import check_key
from kvsctl.selection.characters import KEY_CHARACTERS

_TEXTS = st.text(alphabet="ab:\t\ufeff-0Z", max_size=5)


def _holders(ranges: list[Range], key: str) -> int:
    return sum(one.holds(key) for one in ranges)


def test_the_characters_are_those_that_a_key_may_have() -> None:
    legal = [
        character
        for character in map(chr, range(0x11000))
        if check_key(f"k{character}", DEFAULT_LIMITS) is None
    ]
    assert "".join(legal) == KEY_CHARACTERS


@given(_TEXTS, _TEXTS, st.lists(_TEXTS))
def test_a_divided_range_holds_the_same_keys_once(prefix: str, end: str, keys: list[str]) -> None:
    whole = Range(prefix, prefix, prefix + end)
    division = divided(whole)
    if division is None:
        assert end == ""
        return
    for key in [prefix + one for one in keys] + keys:
        assert _holders([division.kept, *division.others], key) == whole.holds(key)
    assert all(one.prefix.startswith(prefix) for one in division.others)


@given(_TEXTS, _TEXTS, _TEXTS, st.lists(_TEXTS), st.sampled_from([1, 10**6]))
def test_what_remains_is_held_once_and_listed_by_its_queries(
    prefix: str, longer: str, after: str, keys: list[str], pages_listed: int
) -> None:
    within = prefix + longer
    for last in (None, after, within + after):
        whole = Range(prefix, within, last)
        ranges = remaining(whole, pages_listed=pages_listed)
        for key in [within + one for one in keys] + [f"{last}{one}" for one in keys] + keys:
            assert _holders(ranges, key) == whole.holds(key)
            assert all(key.startswith(one.prefix) for one in ranges if one.holds(key))


def test_what_remains_is_in_key_order() -> None:
    ranges = remaining(Range("u", "u", "user:7"), pages_listed=10**6)
    assert ranges[0] == Range("user:7", "user:7", "user:7")
    assert [one.prefix for one in ranges] == sorted(one.prefix for one in ranges)


def test_reading_again_is_chosen_where_it_costs_less() -> None:
    begun = Range("user:", "user:", "user:000123")
    assert remaining(begun, pages_listed=3) == [begun]
    assert len(remaining(begun, pages_listed=10_000)) > 100


@pytest.mark.parametrize(
    ("key", "is_past"), [("ab", False), ("a", False), ("b", False), ("bz", False), ("c", True)]
)
def test_a_later_key_shows_that_a_range_has_ended(key: str, is_past: bool) -> None:
    assert Range("", "b").is_past(key) is is_past
