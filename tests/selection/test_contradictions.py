"""Selectors that no record can meet."""

import fnmatch
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.selection.characters import KEY_CHARACTERS
from kvsctl.selection.contradictions import excluding_all, why_no_key_begins, why_no_key_matches
from kvsctl.selection.patterns import glob, regex
from kvsctl.selection.selection import Selection
from tests.support.jsontexts import LEGAL_KEYS

_GLOBS = st.text(alphabet="ab/*?[]!-\ufeff", min_size=1, max_size=6)


@given(LEGAL_KEYS, st.integers(0, 500))
def test_a_beginning_of_a_key_is_possible(key: str, length: int) -> None:
    assert why_no_key_begins(key[:length]) is None
    assert why_no_key_matches(key) is None


@pytest.mark.parametrize(
    ("prefix", "why"),
    [
        ("user/1", 'no key has "/"'),
        ("a*", 'no key has "*"'),
        ("a\u0085", 'no key has "\\u0085"'),
        ("a" * 501, "no key has more than 500 characters"),
        ("\ud800", 'no key has "\\ud800"'),
    ],
)
def test_what_no_key_begins_with_is_named(prefix: str, why: str) -> None:
    assert why_no_key_begins(prefix) == why


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("user/*", 'no key has "/"'),
        ("*:@?", 'no key has "@"'),
        ("a[/@]*", 'no key has "[/@]"'),
        ("a[", 'no key has "["'),
        ("?" * 501, "no key has more than 500 characters"),
        ("*a*" * 501, "no key has more than 500 characters"),
        ("a[/b]*", None),
        ("a[!b]*", None),
        ("[]a]", None),
        ("[a-", 'no key has "["'),
        ("?" * 500 + "***", None),
        ("*", None),
    ],
)
def test_what_no_key_matches_is_named(text: str, why: str | None) -> None:
    assert why_no_key_matches(text) == why


@given(_GLOBS, st.text(alphabet="ab-\ufeff", min_size=1, max_size=5))
def test_a_glob_that_matches_a_key_is_possible(text: str, key: str) -> None:
    if re.match(fnmatch.translate(text), key):
        assert why_no_key_matches(text) is None


@given(_GLOBS, st.integers(0, 3))
def test_a_glob_that_is_possible_matches_a_key(text: str, stars: int) -> None:
    """A key is made of the glob: a star becomes text, and a set one of its characters."""
    if why_no_key_matches(text) is None:
        sets = re.findall(r"\[!?\]?[^\]]*\]|.", text)
        parts = [
            next(filter(re.compile(fnmatch.translate(one)).match, KEY_CHARACTERS))
            * (stars if one == "*" else 1)
            for one in sets
        ]
        assert glob(text).matches("".join(parts))


@pytest.mark.parametrize(
    ("prefix", "matches", "excludes", "text"),
    [
        ("", [], ["*"], "*"),
        ("", [], ["**"], "**"),
        ("user:1", [], ["user:*"], "user:*"),
        ("", ["user:1*", "user:2?"], ["x", "user:*"], "user:*"),
        ("", ["a?c", "b*"], ["a?c"], "a?c"),
        ("", ["user:*"], ["user:1*"], None),
        ("", ["a*", "b*"], ["a**"], None),
        ("", [], ["?*"], None),
        ("user:", [], ["*:"], None),
    ],
)
def test_an_exclude_that_leaves_nothing_is_found(
    prefix: str, matches: Sequence[str], excludes: Sequence[str], text: str | None
) -> None:
    selection = Selection(prefix, [*map(glob, matches)], (), [*map(glob, excludes)])
    found = excluding_all(selection)
    assert text == (None if found is None else found.text)


@given(
    st.text(alphabet="ab", max_size=2),
    st.lists(_GLOBS, max_size=2),
    st.lists(_GLOBS, max_size=2),
    st.lists(st.text(alphabet="ab", max_size=4), max_size=20),
)
def test_what_is_found_leaves_out_what_is_chosen(
    prefix: str, matches: list[str], excludes: list[str], keys: list[str]
) -> None:
    patterns = [*map(glob, matches)]
    found = excluding_all(Selection(prefix, patterns, [regex("^a")], [*map(glob, excludes)]))
    if found is not None and found.text not in matches:
        chosen = Selection(prefix, patterns, [regex("^a")])
        assert not any(chosen.chooses_key(None, key) and not found.matches(key) for key in keys)
