"""Ranges of an index as people write them."""

from typing import Any

import pytest

from kvsctl.errors import UsageError
from kvsctl.selection.ranges import index_range, json_or_text


@pytest.mark.parametrize(
    ("text", "condition", "values"),
    [
        (">=5", "GREATER_THAN_EQUAL_TO", [5]),
        ("<=5", "LESS_THAN_EQUAL_TO", [5]),
        (">-1.5", "GREATER_THAN", [-1.5]),
        ("<m", "LESS_THAN", ["m"]),
        ("=cat", "EQUAL_TO", ["cat"]),
        ('="5"', "EQUAL_TO", ["5"]),
        ("1..9", "BETWEEN", [1, 9]),
        ("a..b..c", "BETWEEN", ["a", "b..c"]),
        ("cat*", "BEGINS_WITH", ["cat"]),
        ("5*", "BEGINS_WITH", ["5"]),
    ],
)
def test_a_range_is_a_condition(text: str, condition: str, values: list[Any]) -> None:
    assert index_range(text) == {"condition": condition, "values": values}


@pytest.mark.parametrize("text", ["", "5", "*", ">", "..", "1..", "..9", "cat"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--range .*: not a range"):
        index_range(text)


@pytest.mark.parametrize("text", ["9..1", "2.5..2", "-1..-2"])
def test_a_range_that_ends_before_it_begins_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no value is in it"):
        index_range(text)
    for possible in ("1..1", "b..a", '2.."1"'):
        assert index_range(possible)["condition"] == "BETWEEN"


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), ("true", True), ("cat", "cat"), ('"5"', "5"), ("null", "null"), ("[1]", "[1]")],
)
def test_a_scalar_is_json_or_text(text: str, value: object) -> None:
    assert json_or_text(text) == value
