"""Common keys are legal, whoever checks them."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import Identity
from kvsctl.records.checks import check_key
from kvsctl.records.fast.keys import common_lines, key_bodies, key_texts, uncommon_keys
from kvsctl.records.invisible import is_plainly_visible
from kvsctl.service.wire import key_body
from tests.support.jsontexts import LEGAL_KEYS

_KEYS = st.lists(LEGAL_KEYS | st.text(max_size=3) | st.text("ab \n\t", max_size=4), max_size=5)


@given(_KEYS)
@example(["k" * 501])
@example(["", "a"])
@example(["a\nb", "c"])
@example([" "])
def test_a_common_key_is_legal_and_shows_what_it_holds(keys: list[str]) -> None:
    uncommon = uncommon_keys(keys, DEFAULT_LIMITS)
    for place, key in enumerate(keys):
        if place not in uncommon:
            assert check_key(key, DEFAULT_LIMITS) is None
            assert is_plainly_visible(key)


@given(_KEYS)
def test_a_key_is_common_or_not_whatever_stands_beside_it(keys: list[str]) -> None:
    alone = [place for place, key in enumerate(keys) if uncommon_keys([key], DEFAULT_LIMITS)]
    assert uncommon_keys(keys, DEFAULT_LIMITS) == alone


@given(_KEYS)
@example(["k" * 501, "a"])
@example(["a", ""])
@example(["a\nb", "c"])
@example(["a", " b"])
@example(["\ud800"])
def test_lines_of_keys_exist_if_all_are_common_and_hold_each_as_it_is(keys: list[str]) -> None:
    lines = common_lines(keys, DEFAULT_LIMITS)
    if uncommon_keys(keys, DEFAULT_LIMITS):
        assert lines is None
    elif keys:
        assert lines is not None
        assert lines.split(b"\n") == [key.encode() for key in keys]
        assert key_bodies(lines) == [key_body(Identity(None, key)) for key in keys]


@given(st.lists(LEGAL_KEYS, min_size=1, max_size=5), st.booleans())
def test_texts_of_keys_are_their_json_without_quotes(keys: list[str], are_shown: bool) -> None:
    others: set[int] = set()
    texts = key_texts(keys, DEFAULT_LIMITS, others, are_shown=are_shown)
    assert others == (set(uncommon_keys(keys, DEFAULT_LIMITS)) if are_shown else set())
    for place, key in enumerate(keys):
        if place not in others:
            assert json.loads(b'"%b"' % texts[place]) == key


def test_which_keys_are_common() -> None:
    keys = ["a", "a b", "a  b", "a:1._#-B", "k" * 500, "", " a", "a ", "a\n", "a\tb", "é", "a/"]
    assert uncommon_keys(keys, DEFAULT_LIMITS) == [5, 6, 7, 8, 9, 10, 11]
