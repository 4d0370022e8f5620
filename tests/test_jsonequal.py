"""Tests of comparing JSON texts by meaning."""

import json
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.emulator.switches.javascript import normalised
from kvsctl.jsonequal import are_equal, canonical, differ_by_rounding
from tests.support.jsontexts import NUMBERS, VALUES, model


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "1.0"),
        ("-0", "0"),
        ("100", "1e2"),
        ("1E+2", "0.1e3"),
        ("0.5", "5e-1"),
        ("0e99999999999999999999", "0"),
        ('{"a":1,"b":[2,{"c":null}]}', ' { "b" : [2.0, {"c":null}], "a":1 }'),
        ('"\\u00e9\\/"', '"\u00e9/"'),
        ('"\\ud800"', '"\\uD800"'),
        ('{"a":1,"a":2}', '{"a":2}'),
        ("9" * 5000, "9" * 5000 + ".0"),
        ("1e" + "9" * 5000, "1.0e" + "9" * 5000),
    ],
)
def test_equal(one: str, other: str) -> None:
    assert are_equal(one.encode(), other.encode())
    assert are_equal(other.encode(), one.encode())
    assert canonical(one.encode()) == canonical(other.encode())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "true"),
        ("0", "false"),
        ("0", "null"),
        ("1", '"1"'),
        ("1", "-1"),
        ("[]", "{}"),
        ("[1,2]", "[2,1]"),
        ('{"a":1}', '{"a":1,"b":null}'),
        ('""', "[]"),
        ("1e400", "null"),
        ("9007199254740993", "9007199254740992"),
        ("0.1", "0.10000000000000001"),
        ("1e400", "1e401"),
    ],
)
def test_not_equal(one: str, other: str) -> None:
    assert not are_equal(one.encode(), other.encode())
    assert not are_equal(other.encode(), one.encode())


def test_rounding_is_distinguished_from_other_differences() -> None:
    assert differ_by_rounding(b'{"n":9007199254740993}', b'{"n":9007199254740992}')
    assert not differ_by_rounding(b"1", b"2")
    assert not differ_by_rounding(b"1e400", b"null")


@given(NUMBERS, NUMBERS)
def test_numbers_compare_like_decimals(one: str, other: str) -> None:
    assert are_equal(one.encode(), other.encode()) == (Decimal(one) == Decimal(other))


@given(VALUES, st.integers(0, 2**32))
def test_a_value_equals_itself_however_it_is_written(text: str, seed: int) -> None:
    def written(value: object) -> str:
        match value:
            case ("number", str(digits)):
                return digits
            case ("object", list(pairs)):
                members = list(dict(pairs).items())
                Random(seed).shuffle(members)
                return "{" + ", ".join(f"{json.dumps(k)}: {written(v)}" for k, v in members) + "}"
            case list():
                return "[" + " ,".join(map(written, value)) + "]"
        return json.dumps(value)

    assert are_equal(text.encode(), written(model(text)).encode())


@given(VALUES)
def test_a_value_from_a_normalising_service_is_equal_or_rounded(text: str) -> None:
    back = bytes(normalised(text.encode()))
    equal = are_equal(text.encode(), back)
    assert equal or b"null" in back or differ_by_rounding(text.encode(), back)
    if all(len(number) < 15 for number in _numbers(model(text))):
        assert equal or b"null" in back or "e" in text.lower()


def _numbers(value: object) -> list[str]:
    match value:
        case ("number", str(digits)):
            return [digits]
        case ("object", list(pairs)):
            return [number for _, member in pairs for number in _numbers(member)]
        case list():
            return [number for member in value for number in _numbers(member)]
    return []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (' { "b" : [1.50, -0, 100], "a" : {} } ', '{"a":{},"b":[15e-1,0,1e2]}'),
        ('["\u00e9", "\\ud800", true, null, []]', '["\\u00e9","\\ud800",true,null,[]]'),
    ],
)
def test_the_canonical_text_is_short_and_ordered(text: str, expected: str) -> None:
    assert canonical(text.encode()) == expected.encode()


@given(VALUES, VALUES)
def test_texts_are_equal_if_their_canonical_texts_are(one: str, other: str) -> None:
    texts = one.encode(), other.encode()
    assert (canonical(texts[0]) == canonical(texts[1])) is are_equal(*texts)
    assert are_equal(canonical(texts[0]), texts[0])
    assert canonical(canonical(texts[0])) == canonical(texts[0])
