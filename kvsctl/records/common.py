"""The common line, read in one go: only what needs no change and breaks no rule is taken."""

import re
from collections.abc import Sequence
from operator import sub
from string import ascii_letters, digits
from typing import Final

import msgspec

from kvsctl.limits import Limits
from kvsctl.model import Identity
from kvsctl.records.checks import Breach
from kvsctl.records.fields import (
    LEAST_BYTES,
    ROOM_BYTES,
    decode_all_plain,
    decode_plain,
    may_repeat,
)
from kvsctl.records.parsed import Parsed, Parser, Rejected

COMMON_IN_KEY: Final = f"{ascii_letters}{digits}:._#-"
UNCOMMON_IN_KEY: Final = re.compile(rf"[^{COMMON_IN_KEY}]").search
_COMMON_BYTES: Final = COMMON_IN_KEY.encode()
_ONE_BRACKET: Final = bytes.maketrans(b"[", b"{")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"\0{["))
_RECORD_DEPTH: Final = 1  # the record's own braces
_NULL_BYTES: Final = 4
_UNCOMMON: Final = Rejected(Breach("UNCOMMON", "to be read carefully"))


class CommonLines:
    """A parser of lines, with a quick way for many of them that are records without an entity."""

    def __init__(self, limits: Limits, parse: Parser) -> None:
        self._limits = limits
        self._parse = parse

    def __call__(self, line: bytes) -> Parsed | Rejected:
        """Reads one line."""
        return self._parse(line)

    def parse_all(self, lines: Sequence[bytes]) -> tuple[Sequence[str], Sequence[bytes]] | None:
        """Their keys and bodies, in order; None unless those can be told of all at once."""
        keys = common_keys(lines, self._limits)
        return None if keys is None else (keys, lines)


class CommonKeys(CommonLines):
    """The same for the keys of lines."""

    def parse_all(self, lines: Sequence[bytes]) -> tuple[Sequence[str], Sequence[bytes]] | None:
        """See CommonLines."""
        keys = common_keys(lines, self._limits)
        return None if keys is None else (keys, [b'{"key":"%b"}' % key.encode() for key in keys])


def common_keys(lines: Sequence[bytes], limits: Limits) -> list[str] | None:
    """The keys of lines that are all common and hold no byte that is not needed; else None.

    They are decoded as one array. That each line is one element of it is known by lengths: an
    element is never shorter than its key, its value and `LEAST_BYTES`. Where none of the lines
    is longer than that of the element in its place, nothing is left to stand between or across.
    """
    # One writer wrote most files: its first line says at little cost what the others are like.
    if len(lines) > 1 and common_keys(lines[:1], limits) is None:
        return None
    text = b",".join(lines)
    most_brackets = limits.value_depth + _RECORD_DEPTH
    if not (text.isascii() and lines) or _most_brackets_exceed(lines, most_brackets):
        return None
    try:
        plains = decode_all_plain(b"[%b]" % text)
    except msgspec.MsgspecError:
        return None
    keys = [plain.key for plain in plains]
    key_lengths = list(map(len, keys))
    value_lengths = [len(plain.value) for plain in plains]
    lengths = list(map(len, lines))
    # Plain map(), and membership in place of min(): each record of most inputs passes here.
    beside_both = list(map(sub, map(sub, lengths, key_lengths), value_lengths))
    if (
        len(plains) != len(lines)
        or beside_both.count(LEAST_BYTES) < len(lines)
        or 0 in value_lengths
        or max(lengths) > limits.value_bytes
        or 0 in key_lengths
        or max(key_lengths) > limits.key_chars
        or has_uncommon("".join(keys))
        or (_NULL_BYTES in value_lengths and any(bytes(plain.value) == b"null" for plain in plains))
    ):
        return None
    return keys


def _most_brackets_exceed(lines: Sequence[bytes], most: int) -> bool:
    """Whether one of the lines has more opening brackets than that, be they in strings or not."""
    # NUL between them, as it stands in no line that is JSON.
    brackets = b"\0".join(lines).translate(_ONE_BRACKET, _NO_BRACKETS)
    return b"{" * (most + 1) in brackets


def has_uncommon(text: str) -> bool:
    """Whether there is anything in it but `COMMON_IN_KEY`."""
    return not text.isascii() or bool(text.encode().translate(None, _COMMON_BYTES))


def common_line_parser(limits: Limits, careful: Parser) -> CommonLines:
    """Reads common lines by itself, and gives all others to `careful`.

    Common is an ASCII line with a plain key, a value and nothing else: `careful` would find no
    fault in it, and send it as the bytes it is.
    """
    most_brackets = limits.value_depth + _RECORD_DEPTH
    most_key_chars, most_bytes = limits.key_chars, limits.value_bytes

    def parse(line: bytes) -> Parsed | Rejected:
        if (
            not line.isascii()
            or not line.endswith(b"}")
            or len(line) > most_bytes
            or line.count(b"{") + line.count(b"[") > most_brackets
        ):
            return careful(line)
        try:
            plain = decode_plain(line)
        except msgspec.MsgspecError:
            return careful(line)
        key, value = plain.key, bytes(plain.value)
        if (
            not value
            or value == b"null"
            or plain.entityName is not msgspec.UNSET
            or not 0 < len(key) <= most_key_chars
            or UNCOMMON_IN_KEY(key)
            or not line.startswith(b"{")
            or (len(line) - len(key) - len(value) >= ROOM_BYTES and may_repeat(line))
        ):
            return careful(line)
        return Parsed(Identity(None, key), line)

    return CommonLines(limits, parse)


def common_key_parser(limits: Limits, careful: Parser) -> CommonKeys:
    """Reads the keys of common lines by itself, and gives all others to `careful`."""
    read = common_line_parser(limits, lambda _: _UNCOMMON)

    def parse(line: bytes) -> Parsed | Rejected:
        parsed = read(line)
        if not isinstance(parsed, Parsed):
            return careful(line)
        identity = parsed.identity
        return Parsed(identity, b'{"key":"%b"}' % identity.key.encode())

    return CommonKeys(limits, parse)


def is_common(key: str, value: bytes, limits: Limits) -> bool:
    """Whether a plain key and a value surely break no rule; False says nothing."""
    return (
        0 < len(key) <= limits.key_chars
        and len(value) <= limits.value_bytes
        and not UNCOMMON_IN_KEY(key)
        and value != b"null"
        and value.count(b"{") + value.count(b"[") <= limits.value_depth
    )
