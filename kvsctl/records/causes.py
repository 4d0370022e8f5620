"""Guess why a line is not a record, so that the advice fits. Only the advice depends on it."""

import json
import re
from typing import Final

from kvsctl.jsontext import (
    BYTE_ORDER_MARK,
    PARSER_DEPTH,
    RECORD_SEPARATOR,
    DuplicateMemberError,
    JsonTextError,
    MalformedTextError,
    depth_exceeds,
)
from kvsctl.model import Cause

_MARK: Final = BYTE_ORDER_MARK.decode()
_READ_BYTES: Final = 64 * 1024
_PART: Final = re.compile(rb"[\[\]{}],?|\"[^\"]*+\"\s*+:.*+", re.DOTALL)
_ENDS_OF_PARTS: Final = (b"[", b"{", b",")
_PYTHON: Final = re.compile(rb"\{\s*'|:\s*(?:None|True|False|NaN|-?Infinity)\b")
_MAY_BE_PYTHON: Final = re.compile(rb"['NTFI]")
"""Every such line has one of these, and few others do. This search is faster."""
_CELLS: Final = re.compile(rb"[^\[{][^\n,;\t|]*+[,;\t|][^\n]*+")
_KEY_CELLS: Final = re.compile(rb"[^\[{][^\n,;|]*+[,;|][^\n]*+")
_decoder: Final = json.JSONDecoder(parse_int=len, parse_float=len)


def cause_of(line: bytes, error: JsonTextError) -> Cause | None:
    """Return why a line cannot be read as an object; `error` is the error of its parser.

    The caller must have removed outer white space.
    """
    if isinstance(error, DuplicateMemberError):
        return None
    if not line:
        return Cause.EMPTY  # of an array: empty lines are skipped
    if line.startswith(BYTE_ORDER_MARK):
        return Cause.MARK
    if line.startswith(RECORD_SEPARATOR):
        return Cause.MANY
    if isinstance(error, MalformedTextError):
        return _of_text(line) if len(line) <= _READ_BYTES else None
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return Cause.ENCODING
    if len(line) > _READ_BYTES or depth_exceeds(line, PARSER_DEPTH):
        return None
    return _of_values(text) or _of_text(line)


def cause_of_key(line: bytes) -> Cause | None:
    """Return why a line is not a legal key."""
    return Cause.CELLS if _KEY_CELLS.fullmatch(line) else None


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
    if follows.startswith(_MARK):
        return Cause.MARK
    if not follows:
        return Cause.ARRAY if isinstance(first, list) else None
    has_lone_cr = rest.startswith("\r") and not rest.startswith("\r\n")
    return Cause.CR if has_lone_cr else Cause.MANY


def _of_text(line: bytes) -> Cause | None:
    if _MAY_BE_PYTHON.search(line) and _PYTHON.search(line):
        return Cause.PYTHON
    if line.endswith(_ENDS_OF_PARTS) or _PART.fullmatch(line):
        return Cause.DOCUMENT
    return Cause.TABLE if _CELLS.fullmatch(line) else None
