"""Which parts of two values differ."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.comparison.values import DifferingPart, differing_parts
from kvsctl.jsonequal import are_equal


@pytest.mark.parametrize(
    ("left", "right", "parts"),
    [
        ("1", "2", [("value", "1", "2")]),
        ("1", '"1"', [("value", "1", '"1"')]),
        ('{"name":"a"}', '{"name":"b"}', [("value.name", '"a"', '"b"')]),
        (
            '{"a":{"b":[1,{"c":2}]},"same":[0]}',
            '{"same":[0.0],"a":{"b":[1,{"c":3}]}}',
            [("value.a.b[1].c", "2", "3")],
        ),
        ('{"a":1}', '{"b":1}', [("value.a", "1", None), ("value.b", None, "1")]),
        ("[1,2]", "[1]", [("value[1]", "2", None)]),
        ("[]", "[null]", [("value[0]", None, "null")]),
        ('{"two words":1,"é":1}', "{}", [
            ('value["two words"]', "1", None), ('value["é"]', "1", None),
        ]),
        ("[1]", '{"0":1}', [("value", "[1]", '{"0":1}')]),
        ('{"n":9007199254740993}', '{"n":9007199254740992}', [
            ("value.n", "9007199254740993", "9007199254740992"),
        ]),
        ('{"a":{"m":1,"m":2}}', '{"a":{"m":3}}', [("value.a.m", "2", "3")]),
    ],
)  # fmt: skip
def test_parts_are_named_by_their_paths(
    left: str, right: str, parts: list[tuple[str, str | None, str | None]]
) -> None:
    found = differing_parts(left.encode(), right.encode())
    assert [
        (path, one and one.decode(), other and other.decode()) for path, one, other in found
    ] == parts


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=8,
)


def _set(value: Any, steps: list[str | int], part: bytes | None) -> Any:
    """Return a value with one part replaced, or removed."""
    if not steps:
        assert part is not None
        return json.loads(part)
    step, rest = steps[0], steps[1:]
    if rest or part is not None:
        if isinstance(value, list) and step == len(value):
            value.append(None)
        value[step] = _set(value[step] if rest else None, rest, part)
    else:
        del value[step]
    return value


def _steps(path: str) -> list[str | int]:
    found: list[str | int] = []
    for step in path.removeprefix("value").replace("[", ".[").split(".")[1:]:
        found.append(int(step[1:-1]) if step.startswith("[") else step)
    return found


@given(_values, _values)
def test_the_parts_turn_the_left_value_into_the_right_one(left: Any, right: Any) -> None:
    parts = list(differing_parts(json.dumps(left).encode(), json.dumps(right).encode()))
    assert (not parts) == are_equal(json.dumps(left).encode(), json.dumps(right).encode())
    made = left
    removed = [part for part in parts if part.right is None]
    for part in [*(part for part in parts if part.right is not None), *reversed(removed)]:
        made = _set(made, _steps(part.path), part.right)
    assert json.dumps(made, sort_keys=True) == json.dumps(right, sort_keys=True)


@given(_values, _values)
def test_parts_of_swapped_values_are_swapped(left: Any, right: Any) -> None:
    one, other = json.dumps(left).encode(), json.dumps(right).encode()
    swapped = {
        DifferingPart(part.path, part.right, part.left) for part in differing_parts(other, one)
    }
    assert set(differing_parts(one, other)) == swapped
