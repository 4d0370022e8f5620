"""Values as a JavaScript service returns them: parsed, then written by `JSON.stringify`.

Numbers become doubles. Members named like array indexes come first, in numeric order. If a member
occurs twice, the last value takes the place of the first.
"""

import json
import math
import re
from typing import Any

import msgspec

INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
HIGHEST_INDEX = 2**32 - 2
EXPONENT_TO, EXPONENT_FROM = -6, 22
SURROGATE = re.compile("[\ud800-\udfff]")


def normalised(value: bytes) -> msgspec.Raw:
    """Return a value after `JSON.parse` and `JSON.stringify`."""
    parsed = json.loads(value, parse_int=float)
    return msgspec.Raw(_written(parsed).encode())


def _written(value: Any) -> str:
    if isinstance(value, dict):
        members = ",".join(f"{_string(name)}:{_written(value[name])}" for name in _order(value))
        return f"{{{members}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, float):
        return js_number(value)
    return json.dumps(value)


def _order(members: dict[str, Any]) -> list[str]:
    indexes = [name for name in members if INDEX.fullmatch(name) and int(name) <= HIGHEST_INDEX]
    if not indexes:
        return list(members)
    first = set(indexes)
    return sorted(indexes, key=int) + [name for name in members if name not in first]


def _string(text: str) -> str:
    written = json.dumps(text, ensure_ascii=False)
    return SURROGATE.sub(lambda lone: f"\\u{ord(lone.group()):04x}", written)


def js_number(number: float) -> str:
    """Return a double as JavaScript writes it. A number past the largest double is null."""
    if not math.isfinite(number):
        return "null"
    if number == 0:
        return "0"
    sign = "-" if number < 0 else ""
    mantissa, _, exponent = f"{abs(number)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The number is 0.digits times 10 to the power of `point`.
    point = len(whole) + int(exponent or 0)
    if whole == "0":
        point -= len(fraction) - len(fraction.lstrip("0")) + 1
    digits = digits.rstrip("0")
    if point >= EXPONENT_FROM or point <= EXPONENT_TO:
        tail = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{tail}e{point - 1:+d}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if len(digits) <= point:
        return sign + digits.ljust(point, "0")
    return f"{sign}{digits[:point]}.{digits[point:]}"
