"""JSON as Python values with exact numbers."""

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from decimal import Decimal

_MOST_DIGITS: Final = 4000
"""Python parses integers of up to 4,300 digits."""
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def exact_value(text: bytes) -> Any:
    """Return the value of a valid JSON text. If a member occurs twice, the last one counts.

    A whole number is an int, however it is written (`1e2`, `1.0`). Any other number is a float if
    that keeps all of its digits, otherwise a Decimal, which compares exactly with both. The caller
    must have checked the depth (`jsontext.PARSER_DEPTH`). Raise ArithmeticError if an exponent is
    beyond what a Decimal can hold.
    """
    shown = text.decode()
    try:
        return _decode(shown)
    except ValueError:  # an integer with more digits than int() takes
        return _decode_long(shown)


def exact_number(text: str) -> "int | float | Decimal":
    """Return the value of a JSON number. See `exact_value`."""
    from decimal import Decimal  # not at the top: few values have fractions

    number = Decimal(text)
    if number.adjusted() < _MOST_DIGITS and number == number.to_integral_value():
        return int(number)
    nearest = float(number)
    return nearest if Decimal(repr(nearest)) == number else number


def number_of(text: str) -> "int | float | Decimal | None":
    """Return the value of a text that is a JSON number; None for any other text."""
    return exact_number(text) if _NUMBER.fullmatch(text) else None


_decode: Final = json.JSONDecoder(parse_float=exact_number).decode
_decode_long: Final = json.JSONDecoder(parse_int=exact_number, parse_float=exact_number).decode
