"""Patterns: what they match, and the prefix that every match has."""

import re
import time
import warnings
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import UsageError
from kvsctl.selection.patterns import glob, regex

_KEYS = st.text(alphabet="ab:.*?[", max_size=6)

_ATOMS = st.sampled_from(
    [
        *"ab.:A-1 ^${",
        r"\d",
        r"\w",
        r"\s",
        r"\S",
        r"\b",
        "[a-c]",
        "[^ab]",
        r"[\w.]",
        r"\.",
        r"\x41",
        r"\u00a0",
        r"\\",
        r"\{",
        "{e}",
        "{e<=1}",
        "[{]",
        r"\N{SPACE}",
        "[[a]",
    ]
)
_REPEATS = st.sampled_from(["", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{,2}", "*+"])
_FORMS = [
    "({})",
    "(?:{})",
    "(?={})",
    "(?!{})",
    "(?i:{})",
    r"({})\1",
    "(?>{})",
    "{}|b",
    "(?P<n>{})(?P=n)",
    "(?:{}){{e}}",
    "(?<=a){}",
    "(a)?(?(1){}|b)",
]
_EXPRESSIONS = st.recursive(
    st.builds("{}{}".format, _ATOMS, _REPEATS),
    lambda parts: (
        st.builds(
            lambda form, inner, repeat: form.format(inner) + repeat,
            st.sampled_from(_FORMS),
            parts,
            _REPEATS,
        )
        | st.builds("{}{}".format, parts, parts)
    ),
    max_leaves=6,
)
_LEGAL_KEYS = st.text(alphabet="aabbcAB1:. _#-\u00a0\ufeff\n", max_size=8)


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


@given(_EXPRESSIONS, _LEGAL_KEYS)
def test_a_regex_matches_as_python_reads_it_whatever_matches_it(text: str, key: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            expected = re.compile(text).search(key)
    except re.error:
        with pytest.raises(UsageError):
            regex(text)
        return
    assert bool(regex(text).matches(key)) == bool(expected)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("(a+)+$", "a" * 500 + "b"),
        ("(a|aa)+$", "a" * 500 + "b"),
        ("(a|b|ab)*c", "ab" * 250),
        ("^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 500),
        ("(.*a){20}b", "a" * 500),
        ("a?" * 30 + "a{30}$", "a" * 29),
        ("(?=(a+)+$)b", "a" * 500 + "b"),
        (r"(a*)*\1b", "a" * 500),
        (".*.*.*.*.*=", "a" * 500),
        ("[a-z]*-", "a" * 500),
        ("a?b?c?d?e?f?.*-", "a" * 500),
    ],
)
def test_a_regex_that_backtracks_is_quick_or_an_error(text: str, key: str) -> None:
    pattern = regex(text)
    started = time.process_time()
    with suppress(UsageError):
        assert not pattern.matches(key)
    assert time.process_time() - started < 2


def test_what_would_take_too_long_is_an_error() -> None:
    with pytest.raises(UsageError, match=r'--regex "\(a\|aa\)\+\$": it takes too long'):
        regex("(a|aa)+$").matches("a" * 500 + "b")


@pytest.mark.parametrize("part", ["*a", "*?", "*[a-z]", "?", "*a*", "[!b]*"])
def test_a_glob_is_quick_for_every_key(part: str) -> None:
    pattern = glob(part * 60 + "b")
    started = time.process_time()
    assert not pattern.matches("a" * 500)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("text", ["^[[:alpha:]]+$", "([a[:^digit:]]+)+", "[[:space:]]"])
def test_a_named_class_is_refused(text: str) -> None:
    """Python takes it for other characters, and grep for a class."""
    with pytest.raises(UsageError, match=r"classes such as \[:alpha:\] are not known"):
        regex(text)
