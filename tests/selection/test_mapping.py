"""How keys of one store become those of another."""

import pytest
from hypothesis import given

from kvsctl.selection.mapping import KeyMapping
from tests.support.jsontexts import LEGAL_KEYS


@pytest.mark.parametrize(
    ("mapping", "key", "expected"),
    [
        (KeyMapping(), "a:1", "a:1"),
        (KeyMapping("copy:"), "a:1", "copy:a:1"),
        (KeyMapping("x", "y"), "a", "xay"),
        (KeyMapping("b:", "", "a:"), "a:1", "b:1"),
        (KeyMapping("b:", "", "a:"), "a:", "b:"),
    ],
)
def test_a_key_is_mapped_and_found_again(mapping: KeyMapping, key: str, expected: str) -> None:
    assert mapping.mapped(key) == expected
    assert mapping.original(expected) == key


@pytest.mark.parametrize("key", ["", "x", "y", "xay:", "axy"])
def test_a_key_that_no_key_becomes_has_no_original(key: str) -> None:
    assert KeyMapping("xa", "ay").original(key) is None


def test_both_ends_of_a_key_do_not_overlap() -> None:
    assert KeyMapping("aa", "aa").original("aaa") is None
    assert KeyMapping("aa", "aa").original("aaaa") == ""


@given(LEGAL_KEYS, LEGAL_KEYS, LEGAL_KEYS, LEGAL_KEYS)
def test_mapping_is_undone(before: str, after: str, removed: str, rest: str) -> None:
    mapping = KeyMapping(before, after, removed)
    assert mapping.original(mapping.mapped(removed + rest)) == removed + rest
