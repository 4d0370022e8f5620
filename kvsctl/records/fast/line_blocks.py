"""Many lines at once that hold no byte that is not needed: what machines write."""

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
    """The keys of lines that are all common and hold no byte that is not needed; else None.

    They are decoded as one array. That each line is one element of it is known by lengths: an
    element is never shorter than its key, its value and `LEAST_BYTES`. Where none of the lines
    is longer than that of the element in its place, nothing is left to stand between or across.
    """
    # One writer wrote most files: its first line says at little cost what the others are like.
    if len(lines) > 1 and compact_keys(lines[:1], limits) is None:
        return None
    plains = decoded_together(lines, limits)
    if not plains:
        return None
    keys = [plain.key for plain in plains]
    value_lengths = [len(plain.value) for plain in plains]
    lengths = list(map(len, lines))
    # Plain map(), and membership in place of min(): each record of most inputs passes here.
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
    """The elements of the array that the lines make; None if it is none, too deep, or not ASCII.

    Whether each line is one of them is for the caller to see.
    """
    text = b",".join(lines)
    if not text.isascii() or _are_too_deep(lines, limits):
        return None
    try:
        return decode_all_plain(b"[%b]" % text)
    except msgspec.MsgspecError:
        return None


def _are_too_deep(lines: Sequence[bytes], limits: Limits) -> bool:
    """Whether one of the lines has more opening brackets than a record may be deep."""
    # NUL between them, as it stands in no line that is JSON.
    brackets = b"\0".join(lines).translate(_ONE_BRACKET, _NO_BRACKETS)
    return b"{" * (limits.value_depth + RECORD_DEPTH + 1) in brackets


def are_common(keys: Sequence[str], limits: Limits) -> bool:
    """Whether these keys, at least one, surely are legal: not too long, and of `COMMON_IN_KEY`."""
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
    """Reads a line by itself if it is one for `spaced_keys`, and gives others to `careful`.

    So that what a line is sent as does not depend on those beside it.
    """

    def parse(line: bytes) -> Parsed | Rejected:
        keys = spaced_keys([line], limits)
        return careful(line) if keys is None else Parsed(Identity(None, keys[0]), line)

    return parse


def spaced_keys(lines: Sequence[bytes], limits: Limits) -> list[str] | None:
    """The keys of lines with the same white space around key and value; None unless all are such.

    What stands around both in the first line has to stand there in each, to the byte: nothing is
    left to stand between.
    """
    if not lines or max(map(len, lines)) > limits.value_bytes:
        return None
    frame = _FRAME(lines[0])
    if frame is None or sum(map(len, frame.groups())) == LEAST_BYTES:
        return None  # the second: without any white space, so it has been tried
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
