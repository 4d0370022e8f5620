"""What a caller gives, as JSON: one by one, in turn and at once, with the same results."""

import datetime
import math
from collections import OrderedDict, UserDict
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvsctl.client.feeds import _MOST_BURST, _MOST_BYTES, _MOST_RECORDS, _Lists
from kvsctl.client.items import Block, Items
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import PieceList, Problem, Record, Verb
from kvsctl.records.rules import Rules

_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.just(datetime.date(2026, 1, 1))
    | st.sampled_from([b"1", b"[1,\n2]", b"[1,\n,2]", b'"x"\n', b"null", b"{"]).map(orjson.Fragment)
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=5,
)
_MEMBERS = st.dictionaries(st.sampled_from(["key", "value", "entityName", "ttl", "x"]), _VALUES)
_RECORDS = _MEMBERS | st.builds(
    lambda key, value: {"key": key, "value": value}, st.text(min_size=1), _VALUES
)
_KEYS = st.text() | st.just("\ud800")
_GIVEN = st.lists(_RECORDS | _RECORDS.map(UserDict) | _KEYS | st.integers())


def _items(verb: Verb) -> Items:
    return Items.of(verb, Rules(DEFAULT_LIMITS))


def _lists(given: Any, verb: Verb = Verb.SET) -> list[PieceList]:
    return [*_Lists(_items(verb), given)]


@settings(max_examples=60)
@given(_GIVEN, st.sampled_from([Verb.SET, Verb.DELETE]))
def test_in_turn_and_at_once_are_as_one_by_one(items: list[Any], verb: Verb) -> None:
    one_by_one, in_turn, at_once = Block(), Block(), Block()
    _items(verb)._encode_each(items, one_by_one)
    _items(verb).encode(iter(items), in_turn)
    _items(verb).encode_at_once(items, at_once)
    assert at_once.texts == in_turn.texts == one_by_one.texts
    assert at_once.unusable == in_turn.unusable == one_by_one.unusable
    assert len(one_by_one.texts) == len(items)


@pytest.mark.parametrize("make", [dict, OrderedDict, UserDict])
@pytest.mark.parametrize("other", [1, None, 0.5])
def test_a_record_that_its_iterator_changes_later_is_written_as_it_was(
    make: Callable[[dict[str, Any]], MutableMapping[str, Any]], other: object
) -> None:
    def changing() -> Iterator[Mapping[str, Any]]:
        record = make({"key": "k", "value": {}})
        for number in range(_MOST_BURST + 1):
            record["key"] = f"k{number}"
            record["value"] |= {"n": number, "other": other}
            yield record

    bodies = [
        one.body for pieces in _lists(changing()) for one in pieces if isinstance(one, Record)
    ]
    text = orjson.dumps(other)
    assert bodies == [
        b'{"key":"k%d","value":{"n":%d,"other":%b}}' % (number, number, text)
        for number in range(_MOST_BURST + 1)
    ]


def test_a_number_that_is_not_json_counts_although_it_is_changed_later() -> None:
    def changing() -> Iterator[dict[str, Any]]:
        value = [0.0, None]
        for number in (1.0, math.nan, 2.0, -math.inf, 3.0):
            value[0] = number
            yield {"key": "k", "value": value}

    made = [type(one) for pieces in _lists(changing()) for one in pieces]
    assert made == [Record, Problem, Record, Problem, Record]


def test_lists_have_bounds_by_records_and_by_bytes() -> None:
    small = [{"key": f"k{number}", "value": 1} for number in range(3 * _MOST_RECORDS)]
    forms: list[Any] = [small, iter(small), tuple(small)]
    for given_as in forms:
        assert max(map(len, _lists(given_as))) <= _MOST_RECORDS + _MOST_BURST
    value = "x" * 100_000
    large = [{"key": f"k{number}", "value": value} for number in range(200)]
    forms = [large, iter(large)]
    for given_as in forms:
        assert max(map(len, _lists(given_as))) <= 2 * _MOST_BYTES // len(value) + _MOST_BURST


def test_nothing_gives_no_list() -> None:
    assert _lists([]) == _lists(iter(())) == []


@pytest.mark.parametrize("are_strings", [True, False])
def test_what_was_given_before_an_exception_counts(*, are_strings: bool) -> None:
    def failing() -> Iterator[Any]:
        for number in range(_MOST_BURST + 7):
            key = f"k{number}"
            yield key if are_strings else {"key": key, "value": 1}
        raise LookupError

    lists = _Lists(_items(Verb.DELETE if are_strings else Verb.SET), failing())
    assert sum(map(len, lists)) == _MOST_BURST + 7
    assert isinstance(lists.error, LookupError)


def test_keys_of_any_kind_stay_in_their_order_and_are_written_as_they_were() -> None:
    def changing() -> Iterator[Any]:
        members = {"key": ""}
        for number in range(2 * _MOST_BURST):
            members["key"] = f"k{number}"
            yield members if number % 7 < 2 else f"k{number}"

    keys = [
        one.identity.key
        for pieces in _lists(changing(), Verb.GET)
        for one in pieces
        if isinstance(one, Record)
    ]
    assert keys == [f"k{number}" for number in range(2 * _MOST_BURST)]


def test_a_slow_iterator_does_not_hold_its_records_back(monkeypatch: Any) -> None:
    now = 0.0

    def slow() -> Iterator[str]:
        nonlocal now
        for number in range(5):
            now += 1
            yield f"k{number}"

    monkeypatch.setattr("kvsctl.client.feeds.time.monotonic", lambda: now)
    assert [len(pieces) for pieces in _lists(slow(), Verb.DELETE)] == [1] * 5


def test_an_encoding_error_of_the_iterator_itself_is_its_own() -> None:
    def failing() -> Iterator[dict[str, Any]]:
        yield {"key": "a", "value": 1}
        orjson.dumps(object())

    lists = _Lists(_items(Verb.SET), failing())
    assert [len(pieces) for pieces in lists] == [1]
    assert isinstance(lists.error, orjson.JSONEncodeError)


def test_any_number_of_records_may_be_unusable() -> None:
    given_as: list[Any] = [{"key": "k", "value": object()}] * 5000
    for items in (given_as, iter(given_as)):
        assert sum(map(len, _lists(items))) == 5000
