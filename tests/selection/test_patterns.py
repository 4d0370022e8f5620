"""Patterns: what they match, and the prefix that every match has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import UsageError
from kvsctl.selection.patterns import glob, regex

_KEYS = st.text(alphabet="ab:.*?[", max_size=6)


@pytest.mark.parametrize(
    ("text", "prefix", "matching", "other"),
    [
        ("session:*", "session:", "session:1", "xsession:1"),
        ("user:?:cart", "user:", "user:1:cart", "user:12:cart"),
        ("log-202[45]*", "log-202", "log-2024-1", "log-2026-1"),
        ("[!t]mp", "", "amp", "tmp"),
        ("exact", "exact", "exact", "exactly"),
        ("Case", "Case", "Case", "case"),
        ("*", "", "a\nb", None),
    ],
)
def test_a_glob_matches_whole_keys(
    text: str, prefix: str, matching: str, other: str | None
) -> None:
    pattern = glob(text)
    assert pattern.prefix == prefix
    assert pattern.matches(matching)
    assert other is None or not pattern.matches(other)


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("^user:[0-9]+$", "user:"),
        (r"\Alog\.2026", "log.2026"),
        ("^ab*", "a"),
        ("^ab?", "a"),
        ("^ab{0}", "a"),
        ("^a|b", ""),
        ("user", ""),
        ("(?i)^user", ""),
        ("^(user)", ""),
        ("^", ""),
        (r"^user/\@1", "user/@1"),
        (r"^a\.\d", "a."),
        ("^a, b.", "a, b"),
    ],
)
def test_the_prefix_of_a_regex_follows_its_anchor(text: str, prefix: str) -> None:
    assert regex(text).prefix == prefix


@given(st.text(alphabet="ab:.*?[]!", min_size=1, max_size=6), _KEYS)
def test_every_key_that_a_glob_matches_has_its_prefix(text: str, key: str) -> None:
    pattern = glob(text)
    for one in (key, text):
        assert not pattern.matches(one) or one.startswith(pattern.prefix)


@given(st.text(alphabet="^$ab:.*?+|()[]{}01\\A", max_size=7), _KEYS)
def test_every_key_that_a_regex_matches_has_its_prefix(text: str, key: str) -> None:
    try:
        pattern = regex(text)
    except UsageError:
        return
    for one in (key, pattern.prefix + key, pattern.prefix[:-1] + key):
        assert not pattern.matches(one) or one.startswith(pattern.prefix)


def test_what_is_wrong_with_a_regex_is_said() -> None:
    with pytest.raises(UsageError, match=r'--regex "\(a": missing \), unterminated subpattern'):
        regex("(a")
    with pytest.raises(UsageError, match="--regex is empty"):
        regex("")


def test_an_empty_glob_is_refused() -> None:
    with pytest.raises(UsageError, match="the glob is empty"):
        glob("")
