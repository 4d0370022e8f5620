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
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate
from json.encoder import encode_basestring_ascii
from json.scanner import make_scanner
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
_ANY_STRING: Final = re.compile(rb'"[^"\\\0]*+(?:\\[^\0][^"\\\0]*+)*+"?', re.DOTALL)
"""A string, which never holds a NUL."""
_TOKEN = re.compile(_STRING + rb"|[\[\]{}:,]", re.DOTALL)
_OUTSIDE_STRINGS = re.compile(rb"(" + _STRING + rb")|[ \t\r\n]+", re.DOTALL)
_ONE_KIND: Final = bytes.maketrans(b"[]", b"{}")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_ONLY_OPENING: Final = bytes(set(range(256)) - set(b"\0[{"))
_NO_MARKS: Final = bytes(set(_NO_BRACKETS) - set(b'"'))
_STEPS: Final = bytes.maketrans(b"[{]}", b"\1\1\xff\xff")
"""Converts brackets to signed bytes: one level more, or one less."""
_BACKSLASH: Final = ord("\\")
"""A number, because searching for it takes a third of the time of searching for bytes."""
_ESCAPED_QUOTE: Final = rb"\u0022"
_LINE_FEED: Final = ord("\n")
_CARRIAGE_RETURN: Final = ord("\r")
_decode_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_raw: Final = msgspec.json.Decoder(msgspec.Raw).decode
_encode: Final = msgspec.json.Encoder().encode
_BLANK: Final = WHITE_SPACE.decode()
_MARK: Final = BYTE_ORDER_MARK.decode()
_EXTRA_DATA: Final = "Extra data"
_SPACE: Final = r"[ \t\r\n]*+"
_OPENING: Final = re.compile(r"\{" + _SPACE)
_COLON: Final = re.compile(_SPACE + ":" + _SPACE)
_AFTER_VALUE: Final = re.compile(_SPACE + "[,}]" + _SPACE)
_MOST_QUOTED_CHARACTERS: Final = 40


class JsonTextError(ValueError):
    """A text that is not JSON, not the expected kind, or has a duplicate member.

    `str()` gives the reason, without any value.
    """


class MalformedTextError(JsonTextError):
    """A text that does not begin with a JSON value."""


class DuplicateMemberError(JsonTextError):
    """An object that has a member twice."""


def depth_exceeds(text: bytes, limit: int) -> bool:
    """Return whether objects and arrays nest deeper than `limit`.

    Counts brackets outside strings, in linear time and memory. It does not recurse, so call it
    before any parser sees the text.
    """
    if text.count(b"[") + text.count(b"{") <= limit or nest_within(text, limit):
        return False
    outside = without_strings(text).translate(_ONE_KIND, _NO_BRACKETS)
    run = outside.find(b"{" * (limit + 1))
    # Deep values have a run of opening brackets. Finding it is faster than adding up every step.
    if run >= 0 and b"}" not in outside[:run]:
        return True
    return max(depths(outside), default=0) > limit


def too_deep(
    texts: Sequence[bytes] | Sequence[msgspec.Raw], limit: int, *, joined: bytes, longest: int
) -> list[int]:
    """Return the indexes of JSON texts that nest deeper than `limit`.

    This is faster than `depth_exceeds` for each, because few texts are too deep. `joined`: the
    texts with NUL between them, which no JSON holds. `longest`: the length of the longest. The
    result may lack texts that are not JSON.
    """
    level_bytes = 2 if b"[" in joined else 5  # a level takes [] or {"":} at least
    if longest <= level_bytes * limit or are_shallow(joined, limit):
        return []
    return [place for place, text in enumerate(texts) if depth_exceeds(bytes(text), limit)]


def are_shallow(texts: bytes, limit: int) -> bool:
    """Return whether all texts certainly nest at most `limit` deep: a faster `nest_within`."""
    opening = texts.translate(_ONE_KIND, _ONLY_OPENING)
    return b"{" * (limit + 1) not in opening or nest_within(texts, limit)


def without_strings(text: bytes) -> bytes:
    """Return the text without its strings. One that is not closed ends at a NUL, or at the end."""
    return _ANY_STRING.sub(b"", text)


def depths(outside: bytes) -> Iterator[int]:
    """Return the depth after each bracket of a text without strings. It may fall below 0."""
    steps = outside.translate(_STEPS, _NO_BRACKETS)
    return accumulate(memoryview(steps).cast("b"))


def nest_within(texts: bytes, limit: int) -> bool:
    """Return whether all of several texts, with NUL between them, nest at most `limit` deep.

    False means that one may nest deeper. Then call `depth_exceeds` for each, which takes longer.
    """
    shown = texts
    if _BACKSLASH in shown:
        shown = shown.replace(rb"\\", b"").replace(rb"\"", b"")
    # If no string holds a bracket, its quotes are side by side in what is left.
    shown = shown.translate(_ONE_KIND, _NO_MARKS).replace(b'""', b"")
    if b'"' in shown:
        shown = without_strings(texts).translate(_ONE_KIND, _NO_BRACKETS)
    for _ in range(limit):  # each turn removes the innermost pairs, so one level
        before = len(shown)
        shown = shown.replace(b"{}", b"")
        if not shown:
            return True
        if before - len(shown) < before // 16:
            break  # many turns would follow
    return not shown


def members(text: bytes) -> dict[str, bytes]:
    """Return the top-level members of a JSON object, each value with its exact bytes.

    Accepts everything that the JSON grammar allows, including lone surrogate escapes, numbers
    outside any range and numbers of any length. The caller must have checked the depth
    (`PARSER_DEPTH`).

    Raise JsonTextError if the text is not one JSON object in UTF-8, or has a duplicate member.
    """
    return {name: bytes(value) for name, value in raw_members(text).items()}


def raw_members(text: bytes) -> dict[str, msgspec.Raw] | dict[str, bytes]:
    """Return the same members in less time. `bytes` converts a value to its exact bytes."""
    found = _decoded_members(text)
    if found is not None:
        return found
    said = _require_valid(text)
    if not isinstance(said, tuple):
        raise JsonTextError("not a JSON object")
    names: set[str] = set()
    for name, _ in said:
        if name in names:
            raise DuplicateMemberError(f"duplicate member {quoted(name)}")
        names.add(name)
    return _scan_object(text.decode().strip(_BLANK))


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


def is_value(text: bytes) -> bool:
    """Return whether a text is certainly one JSON value. `value` decides about all others.

    The caller must have checked the depth (`PARSER_DEPTH`).
    """
    try:
        if not text.isascii():
            text.decode()  # msgspec does not check the UTF-8 inside a Raw
        _decode_raw(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return True


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
    return encode_basestring_ascii(name)


def compact(text: bytes) -> bytes:
    """Return the JSON without white space between tokens. Strings and numbers keep their bytes."""
    return _OUTSIDE_STRINGS.sub(rb"\1", text)


def _decoded_members(text: bytes) -> dict[str, msgspec.Raw] | None:
    """Fast path: return the members of an object, or None if they are not certain."""
    try:
        if not text.isascii():
            text.decode()  # msgspec does not check the UTF-8 inside a Raw
        found = _decode_members(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    written = _encode(found)
    if len(written) == len(text):
        return found
    # msgspec keeps only the last of several members with the same name. The others would be missing
    # with the quotes of their names. A quote written as an escape would count on one side only.
    if text.count(b'"') != written.count(b'"') or (_BACKSLASH in text and _ESCAPED_QUOTE in text):
        return None
    return found


def _scan_object(text: str) -> dict[str, bytes]:
    """Return the members of a text that is one JSON object, without outer white space."""
    found: dict[str, bytes] = {}
    mark, place = "{", _end_of(_OPENING, text, 0)
    while mark != "}" and place < len(text) - 1:
        name, place = _scan(text, place)
        start = _end_of(_COLON, text, place)
        _, end = _scan(text, start)
        found[name] = text[start:end].encode()
        place = _end_of(_AFTER_VALUE, text, end)
        mark = text[end:place].strip(_BLANK)
    return found


def _end_of(pattern: re.Pattern[str], text: str, place: int) -> int:
    match = pattern.match(text, place)
    assert match is not None  # noqa: S101
    return match.end()


def _require_valid(text: bytes) -> Any:
    """Return a JSON text as Python, with objects as tuples of pairs, and numbers as text.

    Raise JsonTextError if it is not valid.
    """
    try:
        shown = text.decode()
    except UnicodeDecodeError as error:
        raise JsonTextError(f"invalid UTF-8 at byte {error.start + 1}") from None
    start = len(shown) - len(shown.lstrip(_BLANK))
    # As JSONDecoder.decode() does, but without the exceptions that count lines and columns.
    try:
        said, end = _scan_once(shown, start)
    except StopIteration as stop:
        raise MalformedTextError(_fault("Expecting value", shown, stop.value)) from None
    except json.JSONDecodeError as error:
        raise MalformedTextError(_fault(error.msg, shown, error.pos)) from None
    rest = shown[end:].lstrip(_BLANK)
    if rest:
        raise JsonTextError(_fault(_EXTRA_DATA, shown, len(shown) - len(rest)))
    return said


def _fault(message: str, text: str, place: int) -> str:
    """Return what is wrong and where, and which character if it is invisible."""
    character = text[place : place + 1]
    reason = _reason(message)
    if character == _MARK:
        reason = "a byte order mark (U+FEFF)"
    elif message == _EXTRA_DATA and text[:place].rstrip(" \t").endswith("\r"):
        reason = "extra data after a CR (U+000D)"
    elif character and character < " ":
        reason = f"{reason} (U+{ord(character):04X})"
    return f"{reason} at column {place + 1}"


@cache
def _reason(message: str) -> str:
    """Return one of the few messages of the decoder as part of a sentence."""
    return message[:1].lower() + message[1:].removesuffix(" at")


def _refuse(name: str) -> NoReturn:
    raise JsonTextError(f"{name} is not JSON")


_decoder: Final = json.JSONDecoder(
    parse_constant=_refuse, parse_int=str, parse_float=str, object_pairs_hook=tuple
)
_scan: Final = _decoder.raw_decode
_scan_once: Final = make_scanner(_decoder)  # type: ignore[arg-type]  # it takes any decoder


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
    return compact(text) if has_line_break(text) else text


def has_line_break(text: bytes) -> bool:
    """Return whether the text holds a LF or CR."""
    # Numbers, because a search for bytes first raises and drops an exception: see bytes_contains.
    return _LINE_FEED in text or _CARRIAGE_RETURN in text
