"""Read many keys at once: those of lines that hold nothing else, and the check of all others."""

import re
from collections.abc import Iterable, Sequence
from string import ascii_letters, digits
from typing import Final

import msgspec

from kvsctl.limits import Limits

_VISIBLE: Final = rf"{ascii_letters}{digits}:._#\-"
_BYTES: Final = f"{ascii_letters}{digits}:._#- \n".encode()
_IS_COMMON: Final = re.compile(rf"[{_VISIBLE}](?:[{_VISIBLE} ]*[{_VISIBLE}])?").fullmatch
_decode_string: Final = msgspec.json.Decoder(str).decode


def uncommon_keys(keys: Sequence[str], limits: Limits) -> list[int]:
    """Return the indexes of keys that are not certainly legal.

    A common key has letters, digits, `:._#-`, and spaces that are neither first nor last. No
    string in JSON needs an escape for it.
    """
    if _are_common(keys, limits):
        return []
    return [
        place
        for place, key in enumerate(keys)
        if len(key) > limits.key_chars or not _IS_COMMON(key)
    ]


def _are_common(keys: Sequence[str], limits: Limits) -> bool:
    # A line feed before and after each key makes its ends visible. No common key holds one.
    joined = "\n{}\n".format("\n".join(keys))
    return (
        joined.isascii()
        and not joined.encode().translate(None, _BYTES)
        and "\n\n" not in joined
        and "\n " not in joined
        and " \n" not in joined
        and joined.count("\n") == len(keys) + 1
        and max(map(len, keys), default=0) <= limits.key_chars
    )


def key_bodies(keys: Iterable[str]) -> list[bytes]:
    """Return the bodies of common keys, as get and delete send them."""
    # One join and one split for all keys, because no common key holds a line feed.
    joined = '"}\n{"key":"'.join(keys)
    return f'{{"key":"{joined}"}}'.encode().split(b"\n")


def entity_bodies(keys: Iterable[str], entities: Iterable[str | None]) -> list[bytes]:
    """Return the bodies of common keys with legal entities, as get and delete send them."""
    return [
        b'{"key":"%b"}' % key.encode()
        if entity is None
        else b'{"key":"%b","entityName":"%b"}' % (key.encode(), entity.encode())
        for key, entity in zip(keys, entities, strict=True)
    ]


def read_keys(lines: Sequence[bytes]) -> list[str]:
    """Return the keys of lines that are plain keys or JSON strings; "" where one may be wrong."""
    joined = b"\n".join(lines)
    if b'"' not in joined and joined.isascii():
        keys = joined.decode().split("\n")
        if len(keys) == len(lines):
            return keys
    return [_string(line) if line.startswith(b'"') else _text(line) for line in lines]


def read_strings(lines: Sequence[bytes]) -> list[str]:
    """Return the keys of lines that are JSON strings; "" for a line that may be anything else."""
    return list(map(_string, lines))


def _string(line: bytes) -> str:
    try:
        return _decode_string(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""


def _text(line: bytes) -> str:
    return line.decode() if line.isascii() else ""
