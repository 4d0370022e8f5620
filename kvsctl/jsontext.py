"""Find the parts of a JSON text without changing a byte of them.

Parsers lose what a bulk tool must keep: long integers, `1.0`, member order, repeated members. So
kvsctl sends and prints values with the exact bytes of the input. These functions are the careful
path. For many pieces at once, `records.fast` is faster.

`kvsctl/emulator/json_slices.py` is a deliberate twin of this module. The emulator must not
inherit the client's mistakes: with shared code, a bug here would pass every test against the
emulator. Do not merge the two.
"""

import json
import re
from typing import Any, Final, NoReturn

import msgspec
import orjson

WHITE_SPACE: Final = b" \t\r\n"
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""The mark with which some systems begin a file in UTF-8. JSON does not allow it."""
RECORD_SEPARATOR: Final = b"\x1e"
"""Begins each value of a JSON text sequence (RFC 7464). JSON does not allow it."""
PARSER_DEPTH: Final = 200
"""The deepest nesting of JSON that kvsctl gives to a parser.

Parsers recurse: deeper text would exhaust the stack. Check `depth_exceeds(text, PARSER_DEPTH)`
before any parser sees text from outside. 200 is far below Python's recursion limit and far above
what the service accepts (`Limits.value_depth`), so a value that is only too deep for the service
is still read and can be reported by its key.
"""

# Possessive, with an optional closing quote, so that no search backtracks or reads a byte twice.
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
_TOKEN = re.compile(_STRING + rb"|[\[\]{}:,]", re.DOTALL)
_OUTSIDE_STRINGS = re.compile(rb"(" + _STRING + rb")|[ \t\r\n]+", re.DOTALL)
_ALL_SQUARE: Final = bytes.maketrans(b"{}", b"[]")
_QUICK_LEVELS: Final = 16
_NO_BRACKETS_OR_QUOTES: Final = bytes(set(range(256)) - set(b'[]{}"'))
_ESCAPED_QUOTE: Final = rb"\u0022"
_decode_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode: Final = msgspec.json.Encoder().encode
_BLANK: Final = WHITE_SPACE.decode()
_SPACE: Final = r"[ \t\r\n]*+"
_OPENING: Final = re.compile(r"\{" + _SPACE)
_COLON: Final = re.compile(_SPACE + ":" + _SPACE)
_AFTER_VALUE: Final = re.compile(_SPACE + r"([,}])" + _SPACE)
_MOST_QUOTED_CHARACTERS: Final = 40


class JsonTextError(ValueError):
    """A text that is not JSON, not the expected kind, or has a duplicate member.

    `str()` gives the reason, without any value.
    """


def depth_exceeds(text: bytes, limit: int) -> bool:
    """Return whether objects and arrays nest deeper than `limit`.

    Counts brackets outside strings, in linear time and constant memory. It does not recurse, so
    call it before any parser sees the text.
    """
    if text.count(b"[") + text.count(b"{") <= limit or _is_surely_shallow(text, limit):
        return False
    depth = 0
    for token in _TOKEN.finditer(text):
        mark = text[token.start()]
        if mark in b"[{":
            depth += 1
            if depth > limit:
                return True
        elif mark in b"]}":
            depth -= 1
    return False


def _is_surely_shallow(text: bytes, limit: int) -> bool:
    """Return whether the text nests at most `limit` deep, for texts without brackets in strings.

    A fast path: False means only that the tokens must be looked at, which takes ten times as long.
    """
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    # An empty or plain string becomes two quotes. One with brackets leaves a quote on both sides.
    brackets = text.translate(_ALL_SQUARE, _NO_BRACKETS_OR_QUOTES).replace(b'""', b"")
    for _ in range(min(limit, _QUICK_LEVELS)):
        outer = brackets.replace(b"[]", b"")
        if len(outer) == len(brackets):
            break
        brackets = outer
    return not brackets


def members(text: bytes) -> dict[str, bytes]:
    """Return the top-level members of a JSON object, each value with its exact bytes.

    Accepts everything that the JSON grammar allows, including lone surrogate escapes, numbers
    outside any range and numbers of any length. The caller must have checked the depth
    (`PARSER_DEPTH`).

    Raise JsonTextError if the text is not one JSON object in UTF-8, or has a duplicate member.
    """
    found = _decoded_members(text)
    if found is not None:
        return found
    try:
        found, repeated = _scan_object(text.decode().strip(_BLANK))
    except (ValueError, JsonTextError):
        _require_valid(text)  # says what is wrong, and where in the text
        raise JsonTextError("not a JSON object") from None
    if repeated is not None:
        raise JsonTextError(f"duplicate member {quoted(repeated)}")
    return found


def elements(text: bytes) -> list[bytes]:
    """Return the elements of a JSON array, each with its exact bytes. See also `members`.

    Raise JsonTextError if the text is not one JSON array in UTF-8.
    """
    _require_valid(text)
    stripped = text.strip(WHITE_SPACE)
    if not stripped.startswith(b"["):
        raise JsonTextError("not a JSON array")
    depth, start, found = 0, 1, []
    for token in _TOKEN.finditer(stripped):
        mark = stripped[token.start()]
        if depth == 1 and mark in b",]":
            found.append(stripped[start : token.start()].strip(WHITE_SPACE))
            start = token.end()
        depth += (mark in b"[{") - (mark in b"]}")
    return found if found != [b""] else []


def value(text: bytes) -> bytes:
    """Return the text of one JSON value without outer white space. See also `members`.

    Raise JsonTextError if the text is not one JSON value in UTF-8.
    """
    _require_valid(text)
    return text.strip(WHITE_SPACE)


def string(text: str) -> bytes:
    """Return the text as a JSON string. A lone surrogate is written as its escape."""
    try:
        return orjson.dumps(text)
    except TypeError:
        return json.dumps(text).encode()


def quoted(name: str) -> str:
    """Return a name from outside in the form messages show it: short, ASCII, in quotes."""
    if len(name) > _MOST_QUOTED_CHARACTERS:
        name = name[:_MOST_QUOTED_CHARACTERS] + "..."
    return json.dumps(name)


def compact(text: bytes) -> bytes:
    """Return the JSON without white space between tokens. Strings and numbers keep their bytes."""
    return _OUTSIDE_STRINGS.sub(rb"\1", text)


def _decoded_members(text: bytes) -> dict[str, bytes] | None:
    """Return the members of an object in less time; None if they are not certain."""
    try:
        if not text.isascii():
            text.decode()  # msgspec does not check the UTF-8 inside a Raw
        found = _decode_members(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    # It keeps the last of several members with the same name: each has the quotes of its name. A
    # quote that is written as an escape would count on one side only.
    if text.count(b'"') != _encode(found).count(b'"') or _ESCAPED_QUOTE in text:
        return None
    return {name: bytes(value) for name, value in found.items()}


def _scan_object(text: str) -> tuple[dict[str, bytes], str | None]:
    """Return the members of an object, and the first name that occurs twice.

    Raise ValueError if the text is not one JSON object without outer white space.
    """
    found: dict[str, bytes] = {}
    repeated = None
    mark, place = "{", _matched(_OPENING, text, 0).end()
    if text.endswith("}") and place == len(text) - 1:
        return found, None
    while mark != "}":
        if not text.startswith('"', place):
            raise ValueError("no name")
        name, place = _scan(text, place)
        start = _matched(_COLON, text, place).end()
        _, end = _scan(text, start)
        if name in found:
            repeated = name if repeated is None else repeated
        found[name] = text[start:end].encode()
        after = _matched(_AFTER_VALUE, text, end)
        mark, place = after[1], after.end()
    if place != len(text):
        raise ValueError("extra data")
    return found, repeated


def _matched(pattern: re.Pattern[str], text: str, place: int) -> re.Match[str]:
    match = pattern.match(text, place)
    if match is None:
        raise ValueError("unexpected text")
    return match


def _require_valid(text: bytes) -> None:
    try:
        shown = text.decode()
        # json.loads() alone says that it is a byte order mark that it refuses.
        (json.loads if shown.startswith("\ufeff") else _decoder.decode)(shown)
    except UnicodeDecodeError as error:
        raise JsonTextError(f"invalid UTF-8 at byte {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise JsonTextError(f"{_reason(error)} at column {error.pos + 1}") from None


def _reason(error: json.JSONDecodeError) -> str:
    """Return what is wrong, and which character if it is invisible."""
    character = error.doc[error.pos : error.pos + 1]
    if character == BYTE_ORDER_MARK.decode():
        return "a byte order mark (U+FEFF)"
    reason = error.msg[:1].lower() + error.msg[1:].removesuffix(" at")
    if reason == "extra data" and error.doc[: error.pos].rstrip(" \t").endswith("\r"):
        return "extra data after a CR (U+000D)"
    if character and ord(character) < ord(" "):
        return f"{reason} (U+{ord(character):04X})"
    return reason


def _refuse(name: str) -> NoReturn:
    raise JsonTextError(f"{name} is not JSON")


_decoder: Final = json.JSONDecoder(parse_constant=_refuse, parse_int=str, parse_float=str)
_scan: Final = _decoder.raw_decode


def json_line(value: Any) -> bytes:
    """Return the value as JSON on one line, whatever its strings hold.

    A lone surrogate is written as its escape. Legal keys have none, but a refused key may.
    """
    try:
        return orjson.dumps(value)
    except TypeError:  # orjson refuses strings that UTF-8 cannot encode
        return json.dumps(value, separators=(",", ":")).encode()


def one_line(text: bytes) -> bytes:
    """Return the JSON text on one line: unchanged if it has no line break, else compact."""
    if b"\n" in text or b"\r" in text:
        return compact(text)
    return text
