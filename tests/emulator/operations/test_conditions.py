"""The values for which each condition holds."""

from typing import Any

import pytest

from kvsctl.emulator.operations.conditions import predicate


@pytest.mark.parametrize(
    ("name", "values", "holds", "fails"),
    [
        ("BEGINS_WITH", ["ab"], ["ab", "abc"], ["a", "b", 1, None, True]),
        ("BEGINS_WITH", [12], [12, 123], [21, "x"]),
        ("BETWEEN", [1, 3], [1, 2.5, 3], [0, 4, "2", None, True]),
        ("BETWEEN", ["a", "c"], ["a", "bb", "c"], ["cc", 1]),
        ("EQUAL_TO", [1], [1, 1.0], [2, "1", True, None]),
        ("EQUAL_TO", [True], [True], [1, False]),
        ("NOT_EQUAL_TO", [1], [2, "1", True, None], [1]),
        ("GREATER_THAN", [1], [2, 1.5], [1, "2", None]),
        ("GREATER_THAN_EQUAL_TO", ["b"], ["b", "c"], ["a", 1]),
        ("LESS_THAN", [1], [0], [1, "0", False]),
        ("LESS_THAN_EQUAL_TO", [1], [1, 0], [2]),
        ("EXISTS", [True], [1, "", False, []], [None]),
        ("NOT_EXISTS", [], [None], [0]),
        ("CONTAINS", ["b"], ["abc", ["a", "b"]], ["ac", ["ab"], 1, None]),
        ("NOT_CONTAINS", ["b"], ["ac", None], ["abc"]),
    ],
)
def test_conditions(name: Any, values: Any, holds: Any, fails: Any) -> None:
    meets = predicate({"and": [{"property": "p", "condition": name, "values": values}]})
    assert meets is not None
    assert [found for found in holds if not meets({"p": found})] == []
    assert [found for found in fails if meets({"p": found})] == []
