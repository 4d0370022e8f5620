"""Decode many lines into their members, and prove that no member of a line occurs twice.

The decoder keeps the last of several members with the same name, and the careful path refuses
them. The proof: what was decoded is written again, compactly. A line that is as long as that holds
nothing else. A longer line may have white space or escapes, but no other member, if it has as many
quotes: each member has at least the two of its name.
"""

from collections.abc import Callable, Sequence
from itertools import repeat
from operator import methodcaller, sub
from typing import Any, Final, TypeVar

import msgspec

from kvsctl.limits import Limits
from kvsctl.records.checks import RECORD_DEPTH
from kvsctl.records.fields import LEAST_BYTES

NONE: Final = msgspec.Raw(b"")
_ONE_BRACKET: Final = bytes.maketrans(b"[", b"{")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"\0{["))
_ESCAPED_QUOTE: Final = rb"\u0022"

_T = TypeVar("_T")


class Members(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """The members of a record, each as its exact bytes; `NONE` if the line does not have it."""

    key: str
    value: msgspec.Raw = NONE
    entityName: msgspec.Raw = NONE  # noqa: N815 - the service's name
    ttl: msgspec.Raw = NONE
    options: msgspec.Raw = NONE
    expireTime: msgspec.Raw = NONE  # noqa: N815
    createdAt: msgspec.Raw = NONE  # noqa: N815
    updatedAt: msgspec.Raw = NONE  # noqa: N815
    error: msgspec.Raw = NONE
    source: msgspec.Raw = NONE
    installation: msgspec.Raw = NONE


_decode_record = msgspec.json.Decoder(Members).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_quotes = methodcaller("count", b'"')


def records_of(lines: Sequence[bytes], limits: Limits) -> list[Members]:
    """Return the members of each line. A line that is not certainly a record gives an empty key.

    A line with more opening brackets than the value and the record may nest is not decoded. The
    members may occur twice: see `repeats` and `spare_bytes`.
    """
    return _decoded(lines, _decode_record, Members(""), limits.value_depth + RECORD_DEPTH)


def objects_of(lines: Sequence[bytes], limits: Limits) -> list[dict[str, msgspec.Raw]]:
    """Return the members of each line, of any name. A line that may be wrong gives none.

    A line with more opening brackets than a value may nest is not decoded. The members may occur
    twice: see `repeats`.
    """
    return _decoded(lines, _decode_object, {}, limits.value_depth)


def repeats(lines: Sequence[bytes], found: Sequence[Any]) -> list[int]:
    """Return the indexes of lines in which a member may occur twice. `found` are their members."""
    written = list(map(_encode, found))
    if _equal(len, written, lines) or (
        _equal(_quotes, written, lines) and _ESCAPED_QUOTE not in b"\0".join(lines)
    ):
        return []
    return [
        place
        for place, (line, text) in enumerate(zip(lines, written, strict=True))
        if len(line) != len(text)
        # A quote may be written as an escape, which has none.
        and (_quotes(line) != _quotes(text) or _ESCAPED_QUOTE in line)
    ]


def _equal(
    measure: Callable[[bytes], int], texts: Sequence[bytes], others: Sequence[bytes]
) -> bool:
    return list(map(measure, texts)) == list(map(measure, others))


def spare_bytes(
    lines: Sequence[bytes], keys: Sequence[str], values: Sequence[msgspec.Raw]
) -> list[int]:
    """Return for each line how many bytes it has besides key, value and what these two need.

    Fewer than `fields.MEMBER_BYTES` are white space or escapes: the line has no other member.
    """
    # map() instead of a loop: each record of most inputs passes here.
    beside = map(sub, map(sub, map(len, lines), map(len, keys)), map(len, values))
    return list(map(sub, beside, repeat(LEAST_BYTES)))


def _decoded(
    lines: Sequence[bytes], decode: Callable[[bytes], _T], nothing: _T, most_brackets: int
) -> list[_T]:
    # NUL separates the lines, because no line of JSON holds one.
    text = b"\0".join(lines)
    brackets = text.translate(_ONE_BRACKET, _NO_BRACKETS)
    if b"{" * (most_brackets + 1) in brackets:
        # The decoder recurses: text that nests too deep must not reach it.
        lines = [b"" if _has_more(line, most_brackets) else line for line in lines]
    if not _is_utf8(text):
        # The decoder does not check the UTF-8 inside a Raw.
        lines = [line if _is_utf8(line) else b"" for line in lines]
    try:
        return list(map(decode, lines))
    except msgspec.MsgspecError:
        return [_decoded_or(line, decode, nothing) for line in lines]


def _decoded_or(line: bytes, decode: Callable[[bytes], _T], nothing: _T) -> _T:
    try:
        return decode(line)
    except msgspec.MsgspecError:
        return nothing


def _has_more(line: bytes, most_brackets: int) -> bool:
    return line.count(b"{") + line.count(b"[") > most_brackets


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
