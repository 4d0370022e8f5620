"""Read many common lines at once: compact lines, or lines with the same white space."""

import re
from collections.abc import Sequence
from itertools import repeat
from operator import sub
from string import ascii_letters, digits
from typing import Final

import msgspec

from kvsctl.limits import Limits
from kvsctl.model import Identity
from kvsctl.records.checks import RECORD_DEPTH
from kvsctl.records.fields import LEAST_BYTES, Plain, decode_all_plain
from kvsctl.records.parsed import Parsed, Parser, Rejected

COMMON_IN_KEY: Final = f"{ascii_letters}{digits}:._#-"
_COMMON_BYTES: Final = COMMON_IN_KEY.encode()
_ONE_BRACKET: Final = bytes.maketrans(b"[", b"{")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"\0{["))
_NULL: Final = msgspec.Raw(b"null")


def compact_keys(lines: Sequence[bytes], limits: Limits) -> list[str] | None:
    """Return the keys of lines if all are common and have no unneeded byte besides key and value.

    Return None otherwise. The lines are decoded together, as one array. Lengths prove that each
    line is one element: an element is never shorter than its key, its value and `LEAST_BYTES`. If
    no line is longer than that, no byte is left between elements or across lines.
    """
    # Most files have one writer, so the first line alone is a cheap test for all.
    if len(lines) > 1 and compact_keys(lines[:1], limits) is None:
        return None
    plains = decoded_together(lines, limits)
    if not plains:
        return None
    keys = [plain.key for plain in plains]
    value_lengths = [len(plain.value) for plain in plains]
    lengths = list(map(len, lines))
    # map() and count() instead of a loop: each record of most inputs passes here.
    beside_both = list(map(sub, map(sub, lengths, map(len, keys)), value_lengths))
    if (
        len(plains) != len(lines)
        or beside_both.count(LEAST_BYTES) < len(lines)
        or 0 in value_lengths
        or max(lengths) > limits.value_bytes
        or not are_common(keys, limits)
        or _NULL in [plain.value for plain in plains]
    ):
        return None
    return keys


def decoded_together(lines: Sequence[bytes], limits: Limits) -> list[Plain] | None:
    """Decode the lines together, as the elements of one array.

    Return None if the array is not valid, too deep, or not ASCII. The caller must check that each
    line is exactly one element.
    """
    text = b",".join(lines)
    if not text.isascii() or _are_too_deep(lines, limits):
        return None
    try:
        return decode_all_plain(b"[%b]" % text)
    except msgspec.MsgspecError:
        return None


def _are_too_deep(lines: Sequence[bytes], limits: Limits) -> bool:
    """Return whether a line has more opening brackets than the depth of a record allows."""
    # NUL separates the lines, because no line of JSON holds one.
    brackets = b"\0".join(lines).translate(_ONE_BRACKET, _NO_BRACKETS)
    return b"{" * (limits.value_depth + RECORD_DEPTH + 1) in brackets


def are_common(keys: Sequence[str], limits: Limits) -> bool:
    """Return whether all keys (at least one) are certainly legal: `COMMON_IN_KEY`, not too long."""
    lengths = set(map(len, keys))
    together = "".join(keys)
    return (
        0 not in lengths
        and max(lengths) <= limits.key_chars
        and together.isascii()
        and not together.encode().translate(None, _COMMON_BYTES)
    )


_SPACE: Final = rb"[ \t\r\n]*+"
_FRAME: Final = re.compile(
    rb'(\{%b"key"%b:%b")[^"\\]++("%b,%b"value"%b:%b).*[^ \t\r\n](%b\})' % ((_SPACE,) * 8), re.DOTALL
).fullmatch


def spaced_line_parser(limits: Limits, careful: Parser) -> Parser:
    """Return a parser that reads a line that `spaced_keys` accepts, and calls `careful` for others.

    With it, the bytes sent for a line do not depend on the lines beside it.
    """

    def parse(line: bytes) -> Parsed | Rejected:
        keys = spaced_keys([line], limits)
        return careful(line) if keys is None else Parsed(Identity(None, keys[0]), line)

    return parse


def spaced_keys(lines: Sequence[bytes], limits: Limits) -> list[str] | None:
    """Return the keys of common lines that all have the same white space around key and value.

    Return None otherwise. The bytes around key and value in the first line must be the same in
    each line, so no byte is left for anything else.
    """
    if not lines or max(map(len, lines)) > limits.value_bytes:
        return None
    frame = _FRAME(lines[0])
    if frame is None or sum(map(len, frame.groups())) == LEAST_BYTES:
        return None  # if it has no white space, `compact_keys` was tried before
    plains = decoded_together(lines, limits)
    if not plains:
        return None
    keys = [plain.key for plain in plains]
    values = [plain.value for plain in plains]
    if not are_common(keys, limits) or _NULL in values:
        return None
    before, between, after = map(repeat, frame.groups())
    parts = zip(before, map(str.encode, keys), between, values, after, strict=False)
    return keys if list(map(b"".join, parts)) == list(lines) else None
