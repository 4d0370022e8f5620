"""Guess why a line is not a record, so that the advice fits. Only the advice depends on it."""

import json
import re
from typing import Final

from kvsctl.jsontext import PARSER_DEPTH, WHITE_SPACE, JsonTextError, depth_exceeds
from kvsctl.model import Cause

_MARK: Final = b"\xef\xbb\xbf"
_SEQUENCE: Final = b"\x1e"
"""Begins each value of a JSON text sequence (RFC 7464)."""
_READ_BYTES: Final = 64 * 1024
_PART: Final = re.compile(rb"[\[\]{}],?|\"[^\"]*\"\s*:.*|.*[\[{,]", re.DOTALL)
_PYTHON: Final = re.compile(rb"\{\s*'|:\s*(?:None|True|False|NaN|-?Infinity)\b")
_CELLS: Final = re.compile(rb"[^\[{][^\n]*[,;\t|][^\n]*")
_decoder: Final = json.JSONDecoder(parse_int=len, parse_float=len)


class MemberError(JsonTextError):
    """An object that is JSON, but not a record, with the cause."""

    def __init__(self, message: str, cause: Cause) -> None:
        super().__init__(message)
        self.cause = cause


def cause_of(line: bytes, error: JsonTextError) -> Cause | None:
    """Return why a line cannot be read as an object; `error` is what its parser raised."""
    if isinstance(error, MemberError):
        return error.cause
    if line.startswith(_MARK):
        return Cause.MARK
    if line.startswith(_SEQUENCE):
        return Cause.MANY
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return Cause.ENCODING
    if len(line) > _READ_BYTES or depth_exceeds(line, PARSER_DEPTH):
        return None
    return _of_values(text) or _of_text(line)


def _of_values(text: str) -> Cause | None:
    """Return the cause if the line begins with an object or array that is JSON."""
    try:
        first, end = _decoder.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    rest = text[end:]
    follows = rest.strip()
    if not isinstance(first, dict | list):
        return None
    if follows.startswith(","):
        return Cause.COMMA
    if not follows:
        return Cause.ARRAY if isinstance(first, list) else None
    has_lone_cr = rest.startswith("\r") and not rest.startswith("\r\n")
    return Cause.CR if has_lone_cr else Cause.MANY


def _of_text(line: bytes) -> Cause | None:
    stripped = line.strip(WHITE_SPACE)
    if _PYTHON.search(stripped):
        return Cause.PYTHON
    if _PART.fullmatch(stripped):
        return Cause.DOCUMENT
    return Cause.TABLE if _CELLS.fullmatch(stripped) else None
