"""JSON as text: where its parts stand, to the byte, without changing any.

Parsers lose what a bulk tool must keep (long integers, `1.0`, member order, repeated members),
so values travel as the bytes they came as. These functions are the careful path; callers use
msgspec for the common one.
"""

import json
import re
from typing import Any, Final, NoReturn

import orjson

WHITE_SPACE: Final = b" \t\r\n"
PARSER_DEPTH: Final = 200
"""How deep JSON may nest before kvsctl gives it to a parser.

Parsers recurse: deeper text would exhaust the stack. Check `depth_exceeds(text, PARSER_DEPTH)`
before any parser sees text from outside. 200 is far below Python's recursion limit and far above
what the service accepts (`Limits.value_depth`), so a value that is only too deep for the service
is still read and can be reported by its key.
"""

# Possessive, and a string may lack its end: no search looks twice at a byte or keeps a way back.
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
_TOKEN = re.compile(_STRING + rb"|[\[\]{}:,]", re.DOTALL)
_OUTSIDE_STRINGS = re.compile(rb"(" + _STRING + rb")|[ \t\r\n]+", re.DOTALL)
_SHOWN_CHARACTERS: Final = 40


class JsonTextError(ValueError):
    """The text is no JSON, or no object, or names a member twice. `str()` says which."""


def depth_exceeds(text: bytes, limit: int) -> bool:
    """Whether objects and arrays nest deeper than `limit`; linear in time, flat in memory.

    Counts brackets outside strings, so it is safe to ask before any parser sees the text.
    """
    if text.count(b"[") + text.count(b"{") <= limit:
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


def members(text: bytes) -> dict[str, bytes]:
    """The members at the top of a JSON object, each value as the bytes that stand there.

    Accepts all that the JSON grammar does, so also lone surrogate escapes, numbers past every
    range and any number of digits. The caller has bounded the depth.

    Raises JsonTextError for anything that is not one JSON object in UTF-8, and for a member
    named twice.
    """
    _require_valid(text)
    stripped = text.strip(WHITE_SPACE)
    if not stripped.startswith(b"{"):
        raise JsonTextError("not a JSON object")
    return _split_object(stripped)


def elements(text: bytes) -> list[bytes]:
    """The elements of a JSON array, each as the bytes that stand there; otherwise as `members`."""
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
    """The text of one JSON value without the white space around it; otherwise as `members`."""
    _require_valid(text)
    return text.strip(WHITE_SPACE)


def string(text: str) -> bytes:
    """The text as a JSON string; a lone surrogate as its escape."""
    try:
        return orjson.dumps(text)
    except TypeError:
        return json.dumps(text).encode()


def quoted(name: str) -> str:
    """A name from outside as a message may show it: short, ASCII, in quotes."""
    if len(name) > _SHOWN_CHARACTERS:
        name = name[:_SHOWN_CHARACTERS] + "..."
    return json.dumps(name)


def compact(text: bytes) -> bytes:
    """The same JSON without white space between its tokens; strings and numbers untouched."""
    return _OUTSIDE_STRINGS.sub(rb"\1", text)


def _require_valid(text: bytes) -> None:
    try:
        json.loads(text.decode("utf-8"), parse_constant=_refuse, parse_int=str, parse_float=str)
    except UnicodeDecodeError as error:
        raise JsonTextError(f"not UTF-8 at byte {error.start + 1}") from None
    except json.JSONDecodeError as error:
        reason = error.msg.removesuffix(" at")
        raise JsonTextError(f"{reason} at column {error.pos + 1}") from None


def _refuse(name: str) -> NoReturn:
    raise JsonTextError(f"{name} is not JSON")


def _split_object(text: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    depth, name, value_start = 0, None, 0
    last_string = b""
    for token in _TOKEN.finditer(text):
        mark = text[token.start()]
        if mark in b"[{":
            depth += 1
        elif depth == 1 and mark == ord(":") and name is None:
            name, value_start = str(json.loads(last_string)), token.end()
        elif depth == 1 and mark in b",}" and name is not None:
            if name in found:
                raise JsonTextError(f"the member {quoted(name)} stands twice")
            found[name] = text[value_start : token.start()].strip(WHITE_SPACE)
            name = None
        elif mark == ord('"'):
            last_string = token.group()
        if mark in b"]}":
            depth -= 1
    return found


def json_line(value: Any) -> bytes:
    """The value as JSON without a line break, whatever its strings hold.

    A lone surrogate, which is in no legal key but can be in a refused one, is written as its
    escape.
    """
    try:
        return orjson.dumps(value)
    except TypeError:  # orjson takes only strings that UTF-8 can write
        return json.dumps(value, separators=(",", ":")).encode()


def one_line(text: bytes) -> bytes:
    """The same JSON text on one line: untouched if it is, else without white space."""
    if b"\n" in text or b"\r" in text:
        return compact(text)
    return text
