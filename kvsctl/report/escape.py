"""Text from outside, escaped for a terminal."""

import unicodedata
from typing import Final

ELLIPSIS: Final = "…"
_NAMED: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str, width: int | None = None) -> str:
    """Return the text on one line, with every character that is not printable escaped.

    The result holds no control character (C0, C1, DEL, ESC), no character that reorders or hides
    text (bidirectional marks, zero-width characters), no line or paragraph separator and no lone
    surrogate. With `width`, it takes at most that many terminal columns, and the last one is an
    ellipsis if the text was truncated. An escape is never split.
    """
    if text.isprintable() and (width is None or (text.isascii() and len(text) <= width)):
        return text
    pieces = [_visible_character(character) for character in text]
    return "".join(pieces if width is None else _cut(pieces, width))


def columns(text: str) -> int:
    """Return how many terminal columns printable text takes; a wide character takes two."""
    if text.isascii():
        return len(text)
    return sum(_character_columns(character) for character in text)


def _visible_character(character: str) -> str:
    if character.isprintable():
        return character
    if character in _NAMED:
        return _NAMED[character]
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _cut(pieces: list[str], width: int) -> list[str]:
    kept: list[str] = []
    taken = 0
    room_beside_ellipsis = 0
    for piece in pieces:
        taken += columns(piece)
        if taken > width:
            return [*kept[:room_beside_ellipsis], ELLIPSIS][: max(width, 0)]
        kept.append(piece)
        if taken < width:
            room_beside_ellipsis = len(kept)
    return kept


def _character_columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
