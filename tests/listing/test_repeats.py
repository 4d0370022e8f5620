"""Cursors and keys that a listing had before."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import StreamError
from kvsctl.listing.repeats import CursorCheck, ListedKeys
from tests.support.jsontexts import LEGAL_KEYS


@given(st.integers(0, 50), st.integers(1, 50))
def test_a_cycle_of_cursors_is_found_soon(before: int, length: int) -> None:
    check = CursorCheck()
    for request in range(3 * (before + length) + 1):
        at = request if request < before else before + (request - before) % length
        if check.is_repeated(str(at)):
            assert request >= before + length
            return
    raise AssertionError("not found")


@given(st.integers(0, 500))
def test_cursors_that_differ_are_none(count: int) -> None:
    check = CursorCheck()
    assert not any(check.is_repeated(str(number)) for number in range(count))


@given(st.lists(st.lists(LEGAL_KEYS, max_size=6), max_size=8), st.integers(0, 20), st.booleans())
def test_each_key_is_new_once(pages: list[list[str]], most: int, in_order: bool) -> None:
    keys = ListedKeys(most)
    expected: list[str] = []
    if in_order:
        expected = sorted({key for page in pages[:3] for key in page})
        keys.note_in_order(expected)
    assert keys.end_order()
    taken = expected.copy()
    for page in pages:
        taken += [page[place] for place in keys.new_places(page)]
    keys.close()
    assert taken == list(dict.fromkeys(expected + [key for page in pages for key in page]))


def test_a_full_disk_is_an_error_of_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_more: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    keys = ListedKeys(0)
    keys.end_order()
    monkeypatch.setattr(sqlite3, "connect", fail)
    with pytest.raises(StreamError, match="cannot keep listed keys in a temporary file: database"):
        keys.new_places(["a"])
