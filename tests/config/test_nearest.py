"""Guesses for a mistyped name are near ones only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.config.nearest import did_you_mean, hint_of, near, slips_between

_OPTIONS = ["--timeout", "--target", "--report", "--quiet", "--quote", "--dry-run", "--ttl"]
_COMMANDS = ["get", "set", "list", "journal", "delete", "du", "diff"]
_texts = st.text("abc-", max_size=7)


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("--tmeout", _OPTIONS, ["--timeout"]),
        ("--dryrun", _OPTIONS, ["--dry-run"]),
        ("--quite", _OPTIONS, ["--quiet", "--quote"]),
        ("--tlt", _OPTIONS, ["--ttl"]),
        ("--reprot", _OPTIONS, ["--report"]),
        ("--trgte", _OPTIONS, []),
        ("--verbose", _OPTIONS, []),
        ("--target", _OPTIONS, ["--target"]),
        ("gett", _COMMANDS, ["get"]),
        ("jurnal", _COMMANDS, ["journal"]),
        ("delte", _COMMANDS, ["delete"]),
        ("remove", _COMMANDS, []),
        ("ls", _COMMANDS, []),
        ("del", _COMMANDS, ["delete"]),
        ("jou", _COMMANDS, ["journal"]),
        ("li", _COMMANDS, []),
        ("--time", _OPTIONS, ["--timeout"]),
        ("retrys", ["retries", "read_only"], ["retries"]),
        ("Token-File", ["token_file"], ["token_file"]),
        ("", [], []),
    ],
)
def test_only_what_is_near_is_guessed(name: str, known: list[str], meant: list[str]) -> None:
    assert list(near(name, known)) == meant


def test_equally_near_names_are_three_at_most() -> None:
    assert list(near("a", ["b", "c", "d", "e"])) == ["b", "c", "d"]


def test_the_question() -> None:
    assert did_you_mean(()) == ""
    assert did_you_mean(("a",)) == "Did you mean a?"
    assert did_you_mean(("a", "b", "c")) == "Did you mean a, b or c?"


def test_a_name_like_no_other_gets_all_of_them() -> None:
    assert hint_of("xyz", ["abc", "def"]) == "Known: abc, def."
    assert hint_of("abd", ["abc", "def"]) == "Did you mean abc?"


@given(_texts, _texts)
def test_slips_are_a_distance(one: str, other: str) -> None:
    slips = slips_between(one, other)
    assert slips == slips_between(other, one)
    assert (slips == 0) == (one == other)
    assert abs(len(one) - len(other)) <= slips <= max(len(one), len(other))


@given(_texts, st.integers(0, 6))
def test_a_swapped_pair_is_one_slip(text: str, place: int) -> None:
    swapped = text[:place] + text[place : place + 2][::-1] + text[place + 2 :]
    assert slips_between(text, swapped) == (text != swapped)
