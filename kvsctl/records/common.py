"""The common line, read in one go: only what needs no change and breaks no rule is taken."""

import re
from collections.abc import Callable
from typing import Final

import msgspec

from kvsctl.limits import Limits
from kvsctl.model import Identity
from kvsctl.records.fields import decode_plain, may_repeat

_UNCOMMON_IN_KEY: Final = re.compile(r"[^a-zA-Z0-9:._#-]").search
_RECORD_DEPTH: Final = 1  # the record's own braces


def common_line(limits: Limits) -> Callable[[bytes], Identity | None]:
    """Whose record a line is that is sent as it is; None says only that a closer look is due.

    A line that has an identity here is one in which the careful way finds no fault, and which it
    sends as the bytes it is: an ASCII line with a plain key, a value, and nothing else.
    """
    most_brackets = limits.value_depth + _RECORD_DEPTH
    most_key_chars, most_bytes = limits.key_chars, limits.value_bytes

    def look(line: bytes) -> Identity | None:
        if (
            not line.isascii()
            or not line.endswith(b"}")
            or len(line) > most_bytes
            or line.count(b"{") + line.count(b"[") > most_brackets
        ):
            return None
        try:
            plain = decode_plain(line)
        except msgspec.MsgspecError:
            return None
        key, value = plain.key, bytes(plain.value)
        if (
            not value
            or value == b"null"
            or plain.entityName is not None
            or not 0 < len(key) <= most_key_chars
            or _UNCOMMON_IN_KEY(key)
            or not line.startswith(b"{")
            or may_repeat(line, plain, value)
        ):
            return None
        return Identity(None, key)

    return look
