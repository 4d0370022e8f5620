"""JSON on one line, for text that the service or the input made."""

import json
from typing import Any

import orjson

from kvsctl import jsontext


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
        return jsontext.compact(text)
    return text
