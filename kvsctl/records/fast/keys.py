"""Check many keys at once, and read them from lines that hold nothing else."""

import re
from collections.abc import Sequence
from string import ascii_letters, digits
from typing import Final

import msgspec

from kvsctl import jsontext
from kvsctl.limits import Limits
from kvsctl.records.checks import check_key

_VISIBLE: Final = rf"{ascii_letters}{digits}:._#\-"
_BYTES: Final = f"{ascii_letters}{digits}:._#- ".encode()
_IS_COMMON: Final = re.compile(rf"[{_VISIBLE}](?:[{_VISIBLE} ]*[{_VISIBLE}])?").fullmatch
_decode_string: Final = msgspec.json.Decoder(str).decode


def uncommon_keys(keys: Sequence[str], limits: Limits) -> list[int]:
    """Return the indexes of keys that are not certainly legal.

    A common key has only letters, digits, `:._#-`, and spaces that are not first or last. In JSON,
    it needs no escape.
    """
    if _common_text(keys, limits, "") is not None:
        return []
    return [
        place
        for place, key in enumerate(keys)
        if len(key) > limits.key_chars or not _IS_COMMON(key)
    ]


def common_lines(keys: Sequence[str], limits: Limits) -> bytes | None:
    """Return keys as lines, joined by line feeds, if all are common; otherwise None."""
    return _common_text(keys, limits, "\n")


def _common_text(keys: Sequence[str], limits: Limits, between: str) -> bytes | None:
    """Return keys joined by `between`, which no common key holds, if all are common."""
    joined, lengths = between.join(keys), set(map(len, keys))
    if 0 in lengths or max(lengths, default=0) > limits.key_chars or not joined.isascii():
        return None
    text = joined.encode()
    if text.translate(None, _BYTES) != between.encode() * (len(keys) - 1):
        return None
    if " " in joined:
        # No key holds a line feed: between two of them, it shows where keys begin and end.
        lines = "\n" + "\n".join(keys) + "\n"
        if "\n " in lines or " \n" in lines:
            return None
    return text


def key_texts(
    keys: Sequence[str], limits: Limits, others: set[int], *, are_shown: bool = False
) -> list[bytes]:
    """Return the JSON of keys, without its quotes. Add keys that are not legal to `others`.

    `are_shown`: they are plain text, which must not hide characters. Then keys that are legal but
    not common are added, too.
    """
    if (lines := common_lines(keys, limits)) is not None:
        return lines.split(b"\n")
    texts = list(map(str.encode, keys))
    for place in uncommon_keys(keys, limits):
        if are_shown or check_key(keys[place], limits):
            others.add(place)
        else:
            texts[place] = jsontext.string(keys[place])[1:-1]
    return texts


def illegal_keys(keys: Sequence[str], limits: Limits) -> list[int]:
    """Return the indexes of keys that are not legal."""
    return [place for place in uncommon_keys(keys, limits) if check_key(keys[place], limits)]


def key_bodies(lines: bytes) -> list[bytes]:
    """Return the bodies of records for get and delete. `lines` are their names (`name_in_json`)."""
    # At once for all keys, because no JSON string holds a line feed.
    return (b'{"key":"%b"}' % lines.replace(b"\n", b'"}\n{"key":"')).split(b"\n")


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
