"""Whether two JSON texts say the same: members in any order, numbers by value.

Numbers are compared exactly, of any size: 1.0 equals 1 and 1e2 equals 100, but two integers past
2^53 that a double cannot tell apart differ. Of a member that stands twice the last counts.
"""

import json
import re
from typing import Any, Final

_NUMBER: Final = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")


def are_equal(one: bytes, other: bytes) -> bool:
    """Whether two valid JSON texts mean the same value. The caller has bounded their depth."""
    return one == other or bool(_exact(one) == _exact(other))


def differ_by_rounding(one: bytes, other: bytes) -> bool:
    """Whether two texts that differ mean the same value once numbers are doubles."""
    return bool(_rounded(one) == _rounded(other))


def _exact(text: bytes) -> Any:
    return json.loads(text.decode(), parse_int=_number, parse_float=_number)


def _rounded(text: bytes) -> Any:
    return json.loads(text.decode(), parse_int=float, parse_float=float)


def _number(text: str) -> tuple[str, str, int | str]:
    """Sign, digits without zeros around them, and the power of ten of the last digit."""
    found = _NUMBER.fullmatch(text)
    assert found is not None  # noqa: S101
    sign, whole, fraction, exponent = found.groups(default="")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "", "", 0
    kept = digits.rstrip("0")
    try:
        power = int(exponent or 0)
    except ValueError:  # more digits than int() takes: such a number equals only its like
        return sign, kept, exponent
    return sign, kept, power - len(fraction) + len(digits) - len(kept)
