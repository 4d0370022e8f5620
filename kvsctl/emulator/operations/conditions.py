"""Conditions on attributes: the filters of entity queries and the checks of transactions.

A filter is `{"and": […]}` or `{"or": […]}` with a list of `{property, condition, values}`. The
error codes are those of the documentation's error table for entities.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from kvsctl.emulator.refusals import Refusal, malformed

Predicate = Callable[[dict[str, Any]], bool]
Test = Callable[[Any, list[Any]], bool]


def comparable(value: object, other: object) -> bool:
    """Return whether two JSON values can be ordered: two strings or two numbers."""
    if isinstance(value, str):
        return isinstance(other, str)
    return is_number(value) and is_number(other)


def is_number(value: object) -> bool:
    """Return whether a value is a JSON number. Python's True is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def equal(value: object, other: object) -> bool:
    """Return whether two JSON scalars are equal. 1 and true are not."""
    return isinstance(value, bool) == isinstance(other, bool) and value == other


def begins_with(value: object, prefix: object) -> bool:
    """Return whether a string, or a number written as text, begins with `prefix`."""
    if is_number(value) and not isinstance(prefix, str):
        return str(value).startswith(str(prefix))
    return isinstance(value, str) and isinstance(prefix, str) and value.startswith(prefix)


def _contains(value: Any, wanted: Any) -> bool:
    if isinstance(value, str):
        return isinstance(wanted, str) and wanted in value
    return isinstance(value, list) and any(equal(one, wanted) for one in value)


class Condition(msgspec.Struct, frozen=True):
    """A condition: how many values it takes, and the test of an attribute against them."""

    values: int
    test: Test


CONDITIONS = {
    "BEGINS_WITH": Condition(1, lambda found, wanted: begins_with(found, wanted[0])),
    "BETWEEN": Condition(
        2,
        lambda found, wanted: (
            comparable(found, wanted[0])
            and comparable(found, wanted[1])
            and wanted[0] <= found <= wanted[1]
        ),
    ),
    "EQUAL_TO": Condition(1, lambda found, wanted: equal(found, wanted[0])),
    "NOT_EQUAL_TO": Condition(1, lambda found, wanted: not equal(found, wanted[0])),
    "GREATER_THAN": Condition(
        1, lambda found, wanted: comparable(found, wanted[0]) and found > wanted[0]
    ),
    "GREATER_THAN_EQUAL_TO": Condition(
        1, lambda found, wanted: comparable(found, wanted[0]) and found >= wanted[0]
    ),
    "LESS_THAN": Condition(
        1, lambda found, wanted: comparable(found, wanted[0]) and found < wanted[0]
    ),
    "LESS_THAN_EQUAL_TO": Condition(
        1, lambda found, wanted: comparable(found, wanted[0]) and found <= wanted[0]
    ),
    "EXISTS": Condition(0, lambda found, _wanted: found is not None),
    "NOT_EXISTS": Condition(0, lambda found, _wanted: found is None),
    "CONTAINS": Condition(1, lambda found, wanted: _contains(found, wanted[0])),
    "NOT_CONTAINS": Condition(1, lambda found, wanted: not _contains(found, wanted[0])),
}
RANGE_CONDITIONS = frozenset(CONDITIONS) - {
    "NOT_EQUAL_TO", "EXISTS", "NOT_EXISTS", "CONTAINS", "NOT_CONTAINS",
}  # fmt: skip


def predicate(filters: object) -> Predicate | None:
    """Return the test of an object that `filters` describes, or None without filters.

    Raise Refusal if `filters` is malformed.
    """
    if filters is None:
        return None
    if not isinstance(filters, dict):
        raise malformed("filters must be an object")
    operators = [name for name in ("and", "or") if filters.get(name) is not None]
    if len(operators) == 2:
        raise Refusal(
            400,
            "INVALID_FILTER_OPERATORS_COMBINATION",
            'Filter operators "and" and "or" cannot be present at the same level.',
        )
    if not operators or not filters[operators[0]]:
        raise Refusal(
            400, "EMPTY_FILTER_OPERATOR", 'Filter operators "and" and "or" cannot be empty.'
        )
    clauses = filters[operators[0]]
    if not isinstance(clauses, list):
        raise malformed("A filter operator must hold an array of conditions")
    tests = [_clause(clause) for clause in clauses]
    meets = all if operators[0] == "and" else any
    return lambda value: meets(test(value) for test in tests)


def _clause(clause: object) -> Predicate:
    if not isinstance(clause, dict):
        raise malformed("A condition must be an object")
    name = clause.get("property")
    if not isinstance(name, str):
        raise malformed("A condition must name a property")
    test, wanted = checked_condition(clause, frozenset(CONDITIONS))
    return lambda value: test(value.get(name), wanted)


def checked_condition(clause: dict[str, Any], allowed: frozenset[str]) -> tuple[Test, list[Any]]:
    """Return the test that a condition names, and its values.

    Raise Refusal if the condition is not in `allowed` or its values do not fit.
    """
    name = clause.get("condition")
    if not isinstance(name, str) or name not in allowed:
        raise Refusal(
            400,
            "INVALID_FILTER_CONDITION",
            "The specified condition is not supported for filters.",
        )
    condition = CONDITIONS[name]
    wanted = clause.get("values")
    wanted = [] if wanted is None else wanted
    if not isinstance(wanted, list):
        raise malformed("The values of a condition must be an array")
    if len(wanted) < condition.values:
        if condition.values == 2:
            raise Refusal(
                400,
                "INSUFFICIENT_FILTER_VALUES",
                "The specified condition needs at least two values.",
            )
        raise _wrong_count()
    if condition.values and len(wanted) > condition.values:
        raise _wrong_count()
    if any(isinstance(one, list | dict) or one is None for one in wanted):
        raise malformed("The values of a condition must be strings, numbers or booleans")
    return condition.test, wanted


def _wrong_count() -> Refusal:
    return Refusal(
        400,
        "INVALID_FILTER_VALUES",
        "The specified number of values are not supported by the given condition.",
    )
