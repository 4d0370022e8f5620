"""Control characters in keys and messages never reach a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.report.escape import columns, visible


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("user:1 #a", "user:1 #a"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x7f\x9b", "\\x7f\\x9b"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("Zoë 日本", "Zoë 日本"),
        ("[red]x[/red]", "[red]x[/red]"),
    ],
)
def test_all_but_printable_characters_are_escaped(text: str, seen: str) -> None:
    assert visible(text) == seen


@pytest.mark.parametrize(
    ("text", "width", "seen"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abcde…"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("ab\x1bcd", 6, "ab…"),
        ("e\u0301e\u0301", 2, "e\u0301e\u0301"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_truncated_to_a_width(text: str, width: int, seen: str) -> None:
    assert visible(text, width) == seen


@given(st.text(st.characters(exclude_categories=())), st.integers(0, 30))
def test_always_printable_and_within_the_width(text: str, width: int) -> None:
    seen = visible(text, width)
    assert seen.isprintable()
    assert columns(seen) <= width
    assert visible(text).isprintable()
