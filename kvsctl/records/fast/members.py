"""Decode many lines into their members, and prove that no member of a line occurs twice.

The decoder keeps the last of several members with the same name, and the careful path refuses
them. The proof: what was decoded is written again, compactly. A line that is as long as that holds
nothing else. A longer line may have white space or escapes, but no other member, if it has as many
quotes: each member has at least the two of its name.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import Any, Final, TypeVar

import msgspec

from kvsctl.limits import Limits
from kvsctl.records.checks import RECORD_DEPTH

NONE: Final = msgspec.Raw(b"")
_ONE_BRACKET: Final = bytes.maketrans(b"[", b"{")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"\0{["))
_ESCAPED_QUOTE: Final = rb"\u0022"

_T = TypeVar("_T")


class Pair(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """The members of a plain record. `value` has its exact bytes; it is `NONE` if it is missing."""

    key: str
    value: msgspec.Raw = NONE


class Members(Pair, gc=False):
    """The members of any record, each as its exact bytes; `NONE` if the line does not have it."""

    entityName: msgspec.Raw = NONE  # noqa: N815 - the service's name
    ttl: msgspec.Raw = NONE
    options: msgspec.Raw = NONE
    expireTime: msgspec.Raw = NONE  # noqa: N815
    createdAt: msgspec.Raw = NONE  # noqa: N815
    updatedAt: msgspec.Raw = NONE  # noqa: N815
    size: msgspec.Raw = NONE
    error: msgspec.Raw = NONE
    source: msgspec.Raw = NONE
    installation: msgspec.Raw = NONE


_decode_pair = msgspec.json.Decoder(Pair).decode
_decode_record = msgspec.json.Decoder(Members).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def records_of(lines: Sequence[bytes], limits: Limits) -> list[Pair] | list[Members]:
    """Return the members of each line: pairs only if no line has any other.

    A line that is not certainly a record gives an empty key. A line with more opening brackets
    than the value and the record may nest is not decoded. The members may occur twice: see
    `repeats` and `MEMBER_BYTES`.
    """
    lines = _decodable(lines, limits.value_depth + RECORD_DEPTH)
    try:
        return list(map(_decode_pair, lines))
    except msgspec.MsgspecError:
        return _decoded(lines, _decode_record, Members(""))


def objects_of(lines: Sequence[bytes], limits: Limits) -> list[dict[str, msgspec.Raw]]:
    """Return the members of each line, of any name. A line that may be wrong gives none.

    A line with more opening brackets than a value may nest is not decoded. The members may occur
    twice: see `repeats`.
    """
    return _decoded(_decodable(lines, limits.value_depth), _decode_object, {})


def repeats(lines: Sequence[bytes], found: Sequence[Any]) -> list[int]:
    """Return the indexes of lines in which a member may occur twice. `found` are their members."""
    written = list(map(_encode, found))
    if list(map(len, written)) == list(map(len, lines)) or (
        list(_counts(b'"', written)) == list(_counts(b'"', lines))
        and _ESCAPED_QUOTE not in b"\0".join(lines)
    ):
        return []
    return [
        place
        for place, (line, text) in enumerate(zip(lines, written, strict=True))
        if len(line) != len(text)
        # A quote may be written as an escape, which has none.
        and (line.count(b'"') != text.count(b'"') or _ESCAPED_QUOTE in line)
    ]


def _counts(mark: bytes, texts: Sequence[bytes]) -> Iterator[int]:
    return map(bytes.count, texts, repeat(mark))


def _decodable(lines: Sequence[bytes], most_brackets: int) -> Sequence[bytes]:
    """Return the lines, with an empty one in place of each that must not be decoded."""
    # NUL separates the lines, because no line of JSON holds one.
    text = b"\0".join(lines)
    if b"{" * (most_brackets + 1) in text.translate(_ONE_BRACKET, _NO_BRACKETS):
        # The decoder recurses: text that nests too deep must not reach it.
        lines = [
            line if line.count(b"{") + line.count(b"[") <= most_brackets else b"" for line in lines
        ]
    if not _is_utf8(text):
        # The decoder does not check the UTF-8 inside a Raw.
        lines = [line if _is_utf8(line) else b"" for line in lines]
    return lines


def _decoded(lines: Sequence[bytes], decode: Callable[[bytes], _T], nothing: _T) -> list[_T]:
    try:
        return list(map(decode, lines))
    except msgspec.MsgspecError:
        return [_decoded_or(line, decode, nothing) for line in lines]


def _decoded_or(line: bytes, decode: Callable[[bytes], _T], nothing: _T) -> _T:
    try:
        return decode(line)
    except msgspec.MsgspecError:
        return nothing


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
