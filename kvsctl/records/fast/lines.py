"""Read a common line or plain key in one step. It needs no change and breaks no rule."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from kvsctl.limits import Limits
from kvsctl.model import Identity
from kvsctl.records.checks import RECORD_DEPTH, Breach
from kvsctl.records.fast.line_blocks import (
    COMMON_IN_KEY,
    compact_keys,
    spaced_keys,
)
from kvsctl.records.fields import ROOM_BYTES, decode_plain, may_repeat
from kvsctl.records.parsed import Parsed, Parser, Rejected

_COMMON_IN_PLAIN_KEYS: Final = f"{COMMON_IN_KEY} \n".encode()
UNCOMMON_IN_KEY: Final = re.compile(rf"[^{COMMON_IN_KEY}]").search
_UNCOMMON: Final = Rejected(Breach("", "needs the careful path"))
"""Internal: never shown. It only tells `common_key_parser` to call its careful parser."""


class CommonLines:
    """A parser of lines, with a fast path for many records without an entity."""

    def __init__(self, limits: Limits, parse: Parser) -> None:
        self._limits = limits
        self._parse = parse

    def __call__(self, line: bytes) -> Parsed | Rejected:
        """Parse one line."""
        return self._parse(line)

    def parse_all(self, lines: Sequence[bytes]) -> tuple[Sequence[str], Sequence[bytes]] | None:
        """Return the keys and bodies of the lines, in order; None unless all lines are common."""
        keys = compact_keys(lines, self._limits)
        if keys is None:
            keys = spaced_keys(lines, self._limits)
        return None if keys is None else (keys, lines)


class CommonKeys(CommonLines):
    """Like `CommonLines`, but the bodies hold only the keys, as get and delete send them."""

    def parse_all(self, lines: Sequence[bytes]) -> tuple[Sequence[str], Sequence[bytes]] | None:
        """Return the same as `CommonLines.parse_all`, with bodies that hold only the keys."""
        read = super().parse_all(lines)
        if read is None:
            return None
        return read[0], _key_bodies(read[0])


class PlainKeys(CommonLines):
    """A parser of plain keys, with a fast path for many common keys.

    A common plain key may have spaces inside.
    """

    def parse_all(self, lines: Sequence[bytes]) -> tuple[Sequence[str], Sequence[bytes]] | None:
        """Return the keys and their bodies, in order; None unless all keys are common."""
        together = b"\n%b\n" % b"\n".join(lines)
        if (
            together.translate(None, _COMMON_IN_PLAIN_KEYS)
            or max(map(len, lines)) > self._limits.key_chars
            or b"\n\n" in together
            or b"\n " in together
            or b" \n" in together
        ):
            return None
        keys = together.decode().split("\n")[1:-1]
        return (keys, _key_bodies(keys)) if len(keys) == len(lines) else None


def _key_bodies(keys: Sequence[str]) -> list[bytes]:
    # One join and one split for all keys. No common key holds a line feed.
    joined = '"}\n{"key":"'.join(keys)
    return f'{{"key":"{joined}"}}'.encode().split(b"\n")


def common_line_parser(limits: Limits, careful: Parser) -> CommonLines:
    """Return a parser that reads common lines itself, and calls `careful` for all others.

    A common line is ASCII, with a plain key, a value and nothing else. `careful` would accept it
    and send it with its exact bytes.
    """
    most_brackets = limits.value_depth + RECORD_DEPTH
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
    """Return a parser of the keys of common lines. It calls `careful` for all other lines."""
    read = common_line_parser(limits, lambda _: _UNCOMMON)

    def parse(line: bytes) -> Parsed | Rejected:
        parsed = read(line)
        if not isinstance(parsed, Parsed):
            return careful(line)
        identity = parsed.identity
        return Parsed(identity, b'{"key":"%b"}' % identity.key.encode())

    return CommonKeys(limits, parse)


def plain_key_parser(limits: Limits, careful: Parser) -> PlainKeys:
    """Return a parser of plain keys that reads many at once if all are common."""
    return PlainKeys(limits, careful)


def is_common(key: str, value: bytes, limits: Limits) -> bool:
    """Return whether a key and a value certainly break no rule. False means only "not certain"."""
    return (
        0 < len(key) <= limits.key_chars
        and len(value) <= limits.value_bytes
        and not UNCOMMON_IN_KEY(key)
        and value != b"null"
        and value.count(b"{") + value.count(b"[") <= limits.value_depth
    )
