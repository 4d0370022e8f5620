"""Compare JSON texts by meaning: members in any order, numbers by value.

Find numbers that JavaScript may change.

Numbers of any size are compared exactly: 1.0 equals 1, and 1e2 equals 100. Two integers above
2^53 that round to the same double are different. If an object has a member twice, only the last
one counts.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final

_LEAST_LARGE: Final = 2.0**53
"""From here on, not every integer is a double."""
_MAY_CHANGE: Final = re.compile(rb"[0-9.]{16}|[0-9][eE]")
"""Every number that a double may change matches this, because a double keeps 15 digits."""
_STRING_OR_NUMBER: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|(-?[0-9][0-9.eE+-]*)', re.DOTALL)
_STRING_OR_NULL: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|(null)', re.DOTALL)
_NUMBER: Final = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")


def are_equal(one: bytes, other: bytes) -> bool:
    """Return whether two valid JSON texts mean the same value.

    The caller must have checked that neither is nested deeper than `jsontext.PARSER_DEPTH`.
    """
    return one == other or bool(_exact(one) == _exact(other))


def differ_by_rounding(one: bytes, other: bytes) -> bool:
    """Return whether two different JSON texts mean the same value once numbers are doubles."""
    return bool(_rounded(one) == _rounded(other))


def may_change_in_javascript(text: bytes) -> bool:
    """Return False only if certainly no number of a valid JSON text changes. This is fast."""
    return _MAY_CHANGE.search(text) is not None


def changes_in_javascript(text: bytes) -> bool:
    """Return whether JavaScript would write a number of a valid JSON text with another value.

    It reads each number as a double, and writes the shortest text that is read as this double.
    """
    return may_change_in_javascript(text) and any(map(_changes, _numbers(text)))


def has_large_number(text: bytes) -> bool:
    """Return whether a valid JSON text has a number of 2^53 or more, or of -2^53 or less.

    If JavaScript has written such a number, it may have been another integer before. A number that
    is too large for a double counts, too.
    """
    if not may_change_in_javascript(text):
        return False
    return any(abs(float(number)) >= _LEAST_LARGE for number in _numbers(text))


def has_null(text: bytes) -> bool:
    """Return whether a valid JSON text is or has a null.

    If JavaScript has written it, it may have been a number that is too large for a double.
    """
    return b"null" in text and any(found[1] for found in _STRING_OR_NULL.finditer(text))


def _numbers(text: bytes) -> Iterator[str]:
    return (found[1].decode() for found in _STRING_OR_NUMBER.finditer(text) if found[1])


def _changes(number: str) -> bool:
    double = float(number)
    return not math.isfinite(double) or _number(repr(double)) != _number(number)


def _exact(text: bytes) -> Any:
    return json.loads(text.decode(), parse_int=_number, parse_float=_number)


def _rounded(text: bytes) -> Any:
    return json.loads(text.decode(), parse_int=float, parse_float=float)


def _number(text: str) -> tuple[str, str, int | str]:
    """Return a number's sign, its digits without outer zeros, and the exponent of the last digit.

    Two numbers have the same value if and only if they have the same triple. The one exception is
    an exponent with more digits than `int()` accepts: it is returned as text.
    """
    found = _NUMBER.fullmatch(text)
    assert found is not None  # noqa: S101
    sign, whole, fraction, exponent = found.groups(default="")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "", "", 0
    kept = digits.rstrip("0")
    try:
        power = int(exponent or 0)
    except ValueError:  # too many digits for int(): it equals only a number with the same text
        return sign, kept, exponent
    return sign, kept, power - len(fraction) + len(digits) - len(kept)


def canonical(text: bytes) -> bytes:
    """Return the canonical form of a valid JSON text. Equal values (`are_equal`) have the same one.

    Members are in the order of their names, there is no white space, strings are ASCII, and a
    number is its digits without outer zeros and, if that is not 0, `e` and the power of ten. The
    caller must have checked the depth as for `are_equal`.
    """
    return "".join(_canonical(_exact(text))).encode()


def _canonical(value: Any) -> Iterator[str]:
    if isinstance(value, tuple):
        sign, digits, power = value
        yield f"{sign}{digits or '0'}" + (f"e{power}" if power else "")
    elif isinstance(value, list):
        for place, element in enumerate(value):
            yield "," if place else "["
            yield from _canonical(element)
        yield "]" if value else "[]"
    elif isinstance(value, dict):
        for place, name in enumerate(sorted(value)):
            yield ("," if place else "{") + json.dumps(name) + ":"
            yield from _canonical(value[name])
        yield "}" if value else "{}"
    else:
        yield json.dumps(value)
