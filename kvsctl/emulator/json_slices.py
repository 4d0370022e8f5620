"""Cut values out of a JSON request without changing a byte: the careful path.

The fast path is `msgspec.Raw`. It rejects lone surrogate escapes (legal JSON, and JavaScript
writes them) and stops at Python's recursion limit. A body that it rejects is read again by these
functions, which are slower and refuse only what is not JSON.

A deliberate twin of `kvsctl.jsontext`: client and emulator each have their own scanner, so that a
byte which one of them loses shows up as a difference. Do not merge them.
"""

import json
import re
from decimal import Decimal, InvalidOperation

from kvsctl.emulator.refusals import malformed

OPENING = (b"{", b"[")
NOT_JSON = "The request body is not valid JSON"
SPACE = re.compile(r"[ \t\n\r]*")
STRUCTURE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
SCALAR = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[^\s,\[\]{}":]+', re.DOTALL)
NO_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))
STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def decoded(body: bytes) -> str:
    """Return the body as text. Raise Refusal if it is not UTF-8."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise malformed("The request body is not valid UTF-8") from None


def is_unicode(text: str) -> bool:
    """Return whether UTF-8 can encode a text: it cannot encode a lone surrogate."""
    return text.isascii() or not any("\ud800" <= one <= "\udfff" for one in text)


def depth(value: bytes) -> int:
    """Return how deep objects and arrays nest; 0 for a scalar. Never recurses."""
    if value[:1] not in OPENING:
        return 0
    if value.count(b"{") + value.count(b"[") == 1:
        return 1
    level = deepest = 0
    for byte in STRINGS.sub(b"", value).translate(None, NO_BRACKETS):
        if byte in b"{[":
            level += 1
            deepest = max(deepest, level)
        else:
            level -= 1
    return deepest


def elements(text: str) -> list[int]:
    """Return where each element of an array begins. Raise Refusal if `text` is not an array."""
    starts: list[int] = []
    at = _expect(text, 0, "[")
    if text[at : at + 1] == "]":
        _expect_end(text, at + 1)
        return starts
    while True:
        starts.append(at)
        at = _skip(text, _end_of_value(text, at))
        if text[at : at + 1] == "]":
            _expect_end(text, at + 1)
            return starts
        at = _expect(text, at, ",")


def members(text: str, start: int = 0, *, alone: bool = False) -> dict[str, str]:
    """Return the raw value of each member of the object that begins at `start`.

    With `alone`, nothing but white space may follow the object. If a member occurs twice, the last
    one counts, as in JavaScript. Raise Refusal if there is not an object at `start`.
    """
    found: dict[str, str] = {}
    at = _expect(text, start, "{")
    closed = text[at : at + 1] == "}"
    while not closed:
        name_end = _end_of_value(text, at)
        name = parsed(text[at:name_end])
        if not isinstance(name, str):
            raise malformed(NOT_JSON)
        at = _expect(text, name_end, ":")
        end = _end_of_value(text, at)
        found[name] = text[at:end]
        at = _skip(text, end)
        closed = text[at : at + 1] == "}"
        if not closed:
            at = _expect(text, at, ",")
    if alone:
        _expect_end(text, at + 1)
    return found


def parsed(text: str | bytes) -> object:
    """Return the text as Python objects, with numbers of any size.

    Raise Refusal if it is not JSON.
    """
    try:
        return json.loads(text, parse_constant=_no_constant, parse_int=_integer)
    except (ValueError, RecursionError):
        raise malformed(NOT_JSON) from None


def parsed_exactly(text: str | bytes) -> object:
    """Return the text as Python objects like `parsed`, with every number as int or Decimal."""
    try:
        return json.loads(
            text, parse_constant=_no_constant, parse_float=_decimal, parse_int=_exact_integer
        )
    except (ValueError, RecursionError):
        raise malformed(NOT_JSON) from None


def _decimal(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:
        # The exponent is past what Decimal takes.
        return Decimal("Infinity")


def _exact_integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) < 400 else Decimal(digits)


def _integer(digits: str) -> int | float:
    # Python does not parse integers of more than 4300 digits, and past 309 a float is inf anyway.
    return int(digits) if len(digits) < 400 else float(digits)


def _no_constant(name: str) -> object:
    raise ValueError(name)


def _skip(text: str, at: int) -> int:
    match = SPACE.match(text, at)
    return match.end() if match else at


def _expect(text: str, at: int, character: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != character:
        raise malformed(NOT_JSON)
    return _skip(text, at + 1)


def _expect_end(text: str, at: int) -> None:
    if _skip(text, at) != len(text):
        raise malformed(NOT_JSON)


def _end_of_value(text: str, at: int) -> int:
    if text[at : at + 1] not in ("{", "["):
        match = SCALAR.match(text, at)
        if not match:
            raise malformed(NOT_JSON)
        return match.end()
    level = 0
    for match in STRUCTURE.finditer(text, at):
        character = match.group()
        if character in ("{", "["):
            level += 1
        elif character in ("}", "]"):
            level -= 1
            if level == 0:
                return match.end()
    raise malformed(NOT_JSON)
