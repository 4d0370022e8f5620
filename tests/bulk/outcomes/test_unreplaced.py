"""Numbers by identity are exact, in memory and on disk."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.outcomes import unreplaced
from kvsctl.bulk.outcomes.unreplaced import NumberSet, Standing
from kvsctl.model import Identity

_NAMES = st.sampled_from(["a", "b", "a', 'b", "\udc80", "\0", "ä", ""])
_IDENTITIES = st.builds(Identity, st.none() | _NAMES, _NAMES)
_STEPS = st.lists(st.tuples(st.booleans(), _IDENTITIES), max_size=60)


@given(_STEPS, st.sampled_from([0, 1, 5, 1000]))
def test_numbers_are_taken_when_their_identity_comes_again(
    steps: list[tuple[bool, Identity]], most_in_memory: int
) -> None:
    kept = Standing(most_in_memory)
    stands: dict[Identity, list[int]] = {}
    for number, (is_failure, identity) in enumerate(steps):
        if is_failure:
            kept.add(identity.lane, number)
            stands.setdefault(identity, []).append(number)
        else:
            others = [Identity(None, "other").lane, identity.lane]
            assert kept.may_hold(others) or identity not in stands
            assert sorted(kept.take(identity.lane)) == stands.pop(identity, [])
    assert bool(kept) or not stands
    kept.close()
    assert not kept


@given(st.lists(st.sets(st.integers(0, 30_000)), max_size=5))
def test_a_set_of_numbers_holds_those_that_it_was_given(given_sets: list[set[int]]) -> None:
    kept = NumberSet()
    for numbers in given_sets:
        kept.update(numbers)
    expected = set().union(*given_sets)
    assert {number for number in range(31_000) if number in kept} == expected
    assert bool(kept) == bool(expected)


def test_a_temporary_file_that_cannot_be_written_is_an_os_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("disk full")

    monkeypatch.setattr(sqlite3, "connect", refuse)
    kept = Standing(0)
    with pytest.raises(OSError, match="disk full"):
        kept.add("a", 0)


def test_memory_does_not_grow_with_failures() -> None:
    kept = Standing()
    limit = unreplaced._MAX_IN_MEMORY
    for line in range(3 * limit):
        kept.add(f"k{line}", line)
        assert len(kept._numbers) <= limit
    assert kept.take("k7") == [7]
    assert kept.take("k7") == []
    assert kept.take(f"k{3 * limit - 1}") == [3 * limit - 1]
    kept.close()
