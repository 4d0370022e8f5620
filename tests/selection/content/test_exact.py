"""JSON whose numbers lose nothing."""

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given

from kvsctl.selection.content.exact import exact_number, exact_value, number_of
from tests.support.jsontexts import NUMBERS, VALUES


def _meaning(value: Any) -> Any:
    """Return a value with every number as the fraction that its shortest text means."""
    if isinstance(value, list):
        return [_meaning(one) for one in value]
    if isinstance(value, dict):
        return {name: _meaning(one) for name, one in value.items()}
    if isinstance(value, float):
        return Fraction(repr(value))
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    return Fraction(value) if is_number else value


@given(NUMBERS)
def test_a_number_is_exact(text: str) -> None:
    assert _meaning(exact_number(text)) == Fraction(text)
    assert number_of(text) == exact_value(text.encode())


@given(VALUES)
def test_it_says_what_the_parser_of_python_says(text: str) -> None:
    expected = json.loads(text, parse_float=Fraction, parse_int=Fraction)
    assert _meaning(exact_value(text.encode())) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9007199254740993", 9007199254740993),
        ("9007199254740993.0", 9007199254740993),
        ("1e2", 100),
        ("-0.0", 0),
        ("0.1", 0.1),
        ("0.10000000000000001", Decimal("0.10000000000000001")),
        ("12345678901234567890.5", Decimal("12345678901234567890.5")),
        ("1e400", 10**400),
        ("1e9999", Decimal("1e9999")),
        ("1" * 5000, Decimal("1" * 5000)),
    ],
)
def test_a_whole_number_is_an_int_and_a_fraction_a_float_if_that_is_exact(
    text: str, value: object
) -> None:
    assert exact_number(text) == value
    assert type(exact_value(text.encode())) is type(value)


def test_an_exponent_beyond_all_bounds_is_an_arithmetic_error() -> None:
    with pytest.raises(ArithmeticError):
        exact_value(b"[1e99999999999999999999]")


@pytest.mark.parametrize(
    "text", ["", "1_000", " 1", "nan", "inf", "0x1", "01", "1.", "+1", "\u0661"]
)
def test_a_text_that_is_not_a_json_number_has_no_value(text: str) -> None:
    assert number_of(text) is None
