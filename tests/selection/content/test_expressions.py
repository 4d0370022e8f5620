"""Expressions over records."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from kvsctl.errors import UsageError
from kvsctl.selection.content.candidate import MEMBERS, Candidate
from kvsctl.selection.content.expressions import Expression
from kvsctl.selection.selection import Known, Selection, Verdict
from tests.support.jsontexts import VALUES

_KNOWN = Known(
    value_bytes=20,
    created_at=1_769_860_800.0,
    updated_at=1_769_860_800.5,
    has_expiry=True,
    expires_at=1_800_000_000.0,
    expire_time="2027-01-15T08:00:00.000Z",
)


def _verdict(expression: str, value: Any = None, text: str | None = None) -> Verdict:
    known = replace(_KNOWN, value=(json.dumps(value) if text is None else text).encode())
    selection = Selection(where=[Expression(expression, "--where")])
    return selection.judge("city", "user:1", known, 0.0)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("value.closed", {"closed": True}),
        ("!(value.closed)", {"closed": False}),
        ("value.a == `1` && value.b != 'x'", {"a": 1, "b": "y"}),
        ("value.a.b[0] > `1`", {"a": {"b": [2]}}),
        ("contains(value.tags, 'old')", {"tags": ["new", "old"]}),
        ("contains(value, 'ol')", "old"),
        ("starts_with(key, 'user:')", None),
        ("key == 'user:1' && entityName == 'city' && size == `20`", None),
        ("createdAt == `1769860800000` && updatedAt == `1769860800500`", None),
        ("expireTime < '2028'", None),
        ("updatedAt < time('2026-02-01') && updatedAt > time('2026-01-31')", None),
        ("time(value.at) == createdAt", {"at": "2026-01-31T14:00:00+02:00"}),
        ("time(value.at) == createdAt", {"at": 1_769_860_800}),
        ("length(value.items[?done == `false`]) == `1`", {"items": [{"done": False}, {}]}),
        ("value == `null`", None),
        ("to_number(value) > `9007199254740992`", "9007199254740993"),
        ("@.key == 'user:1' && @.size == `20`", None),
        ('value."last.seen" == `1`', {"last.seen": 1}),
    ],
)
def test_a_record_is_chosen_if_the_result_is_true(expression: str, value: Any) -> None:
    assert _verdict(expression, value) is Verdict.CHOSEN
    assert _verdict(f"!({expression})", value) is Verdict.NOT_CHOSEN


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("value.closed", {}),
        ("value.closed", {"closed": None}),
        ("value.closed", {"closed": 1}),
        ("value.closed", {"closed": "true"}),
        ("value.closed", {"closed": [True]}),
        ("value", {"a": 1}),
        ("value.n > `1`", {"n": "2"}),
        ("value.n > `1`", {}),
        ("value.n < 'a'", {"n": 1}),
        ("length(value)", [1]),
        ("length(value) > `1`", 5),
        ("contains(value, `1`)", "1"),
        ("abs(value) > `1`", "x"),
        ("ceil(value) > `1`", 0.12345678901234567890123),
        ("time(value) < createdAt", "never"),
        ("to_number(value) > `1`", "1_000"),
        ("sort(value)[0] == `1`", [1, "a"]),
        ("value.*", {"a": True}),
    ],
)
def test_any_other_result_and_every_error_is_undecided(expression: str, value: Any) -> None:
    text = "0.12345678901234567890123" if isinstance(value, float) else None
    assert _verdict(expression, value, text) is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("text", "literal", "is_equal"),
    [
        ("9007199254740993", "9007199254740993", True),
        ("9007199254740993", "9007199254740992", False),
        ("9007199254740993.0", "9007199254740993", True),
        ("123456789012345678901234567890", "123456789012345678901234567890", True),
        ("1e2", "100", True),
        ("0.1", "0.1", True),
        ("0.10000000000000001", "0.1", False),
        ("1e400", "1", False),
        ("1", "true", False),
        ("0", "false", False),
        ("true", "1", False),
        ("[1]", "[true]", False),
        ('{"a": [0]}', '{"a": [false]}', False),
        ('{"a": [0]}', '{"a": [0.0]}', True),
        ("[1, 2]", "[1]", False),
        ('"1"', "1", False),
    ],
)
def test_equal_means_equal(text: str, literal: str, is_equal: bool) -> None:
    expected = Verdict.CHOSEN if is_equal else Verdict.NOT_CHOSEN
    assert _verdict(f"value == `{literal}`", text=text) is expected
    assert _verdict(f"contains([value], `{literal}`)", text=text) is expected


def test_numbers_with_very_many_digits_are_compared() -> None:
    digits = "9" * 5000
    assert _verdict("value > `1`", text=digits) is Verdict.CHOSEN
    assert _verdict("value > `1`", text="1e5000") is Verdict.CHOSEN
    assert _verdict("value > `1`", text="1e99999999999999999999") is Verdict.UNDECIDED


def test_a_deep_value_is_read() -> None:
    deep = "[" * 190 + "1" + "]" * 190
    assert _verdict(f"value == `{deep}`", text=deep) is Verdict.CHOSEN
    assert _verdict("length(to_string(value)) > `380`", text=deep) is Verdict.CHOSEN


def test_all_expressions_must_be_true_and_a_false_one_decides() -> None:
    def judged(*texts: str) -> Verdict:
        selection = Selection(where=[Expression(text, "--where") for text in texts])
        return selection.judge(None, "k", Known(value=b'{"a":true}'), 0.0)

    assert judged("value.a", "key == 'k'") is Verdict.CHOSEN
    assert judged("value.a", "value.b") is Verdict.UNDECIDED
    assert judged("value.b", "key == 'x'") is Verdict.NOT_CHOSEN
    assert judged("value.b", "createdAt > `1`") is Verdict.UNDECIDED
    assert judged("value.a", "createdAt > `1`") is Verdict.LACKING


@pytest.mark.parametrize(
    ("expression", "members"),
    [
        ("value.createdAt", ["value"]),
        ("createdAt < updatedAt", ["createdAt", "updatedAt"]),
        ("length(value.x[?updatedAt > `1`]) > `1`", ["value"]),
        ("max_by(value.x, &createdAt).n == size", ["size", "value"]),
        ("not_null(expireTime, 'x') == 'x' || !entityName", ["entityName", "expireTime"]),
        ("{a: key, b: value}.a == 'x'", ["key", "value"]),
        ("[key, value][0] == 'x'", ["key", "value"]),
        ("value.a | createdAt", ["value"]),
        ("value.a[1:2] == `[1]`", ["value"]),
        ("`true`", []),
        ("@ != `{}`", sorted(MEMBERS)),
        ("*[0] == `1`", sorted(MEMBERS)),
    ],
)
def test_it_knows_which_members_it_reads(expression: str, members: list[str]) -> None:
    assert sorted(Expression(expression, "--where").members) == members


@pytest.mark.parametrize(
    ("expression", "reason", "place"),
    [
        ("value.n = `5`", "unknown token '='", 8),
        ("value.n > 5", 'unexpected "5"', 10),
        ("value.n >", "the expression is not complete", 9),
        ("value[?a", "the expression is not complete", 8),
        ("'abc", "unclosed ' delimiter", 0),
        ("value == `True`", "what is in backticks must be JSON", 9),
        ("value..x", 'unexpected "."', 6),
        ("size > `1` && valu.n == `1`", 'a record has no member "valu"', 14),
        ('value.kind == "old"', 'a record has no member "old"', 14),
        ("value.a && lenght(value) > `1`", 'unknown function "lenght"', 11),
        ("length(value, key)", "length() takes 1 argument, not 2", 0),
        ("not_null()", "not_null() takes at least 1 argument, not 0", 0),
        ("!" * 5000 + "key", "the expression nests too deep", 0),
        (" ", "the expression is not complete", 1),
        ("size > `1` && !value.closed", "! applies to the name after it only", 14),
    ],
)
def test_what_cannot_be_compiled_is_shown_with_its_place(
    expression: str, reason: str, place: int
) -> None:
    with pytest.raises(UsageError) as refused:
        Expression(expression, "--where")
    assert refused.value.message == f"--where: {reason}, at column {place + 1}"
    assert refused.value.excerpt == (expression, place)
    assert refused.value.hint


def test_an_empty_expression_is_refused() -> None:
    with pytest.raises(UsageError, match="--where: the expression is empty"):
        Expression("", "--where")


_TOKENS = ["value", "key", "size", ".a", "[0]", "[?", "]", "[*]", "[]", "*", "@", "&", "&&", "||"]
_TOKENS += ["|", "!", "==", "<", "(", ")", ",", "`1`", "`true`", "'a'", '"a"', "length(", "map("]
_TOKENS += ["sort_by(", "sum(", "{a:", "}", "time(", "[1:2:0]", "-", "1", " ", "`", "'", '"', "\\"]


@given(st.lists(st.sampled_from(_TOKENS), max_size=8).map("".join) | st.text(max_size=8), VALUES)
@example("value[::0]", "[1]")
def test_no_expression_makes_it_fail(text: str, value: str) -> None:
    try:
        expression = Expression(text, "--where")
    except UsageError:
        return
    record = Candidate("city", "k", replace(_KNOWN, value=value.encode()))
    result = expression.result(record.members(expression.members))
    verdict = _verdict(text, text=value)
    assert (verdict is Verdict.CHOSEN) == (result is True)
