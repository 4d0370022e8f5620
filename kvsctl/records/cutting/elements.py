"""Where elements of an array end: many at once if all is JSON, or one, whatever it is made of."""

import re
from typing import Final

import msgspec

# A string ends at its quote or, as none may hold one, at a line feed. Possessive: no search looks
# twice at a byte. What begins within a string is given its quote first.
_TOKEN: Final = re.compile(
    rb'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+(?P<close>["\n])?+(?P<odd>\\)?+|[\[\]{},]', re.DOTALL
)
_SPACE: Final = rb"[ \t\r\n]*+"
_SEAM: Final = re.compile(rb"[\]}\"]" + _SPACE + rb"," + _SPACE + rb"(?:[\[{][^,:]{0,8}|\")")
_TRIES: Final = 3
_COMMA: Final = ord(",")
_BRACKET: Final = ord("]")


_decode = msgspec.json.Decoder(list[msgspec.Raw]).decode


def seam_at(text: bytes, place: int) -> bytes | None:
    """How an element ends here and the next begins, as a mark of where others do; None if not."""
    seam = _SEAM.match(text, place)
    return seam.group() if seam else None


def elements_up_to(text: bytes, seam: bytes) -> tuple[list[bytes], int]:
    """The elements before one of the last seams, and where the next begins; none and 0 if unsure.

    `text` begins with an element. What looks like a seam is one if all before it is JSON.
    """
    end = len(text)
    for _ in range(_TRIES):
        end = text.rfind(seam, 0, end)
        if end < 0:
            break
        try:
            elements = _decode(b"[%b]" % text[: end + 1])
        except (msgspec.MsgspecError, RecursionError):
            continue
        return list(map(bytes, elements)), text.index(b",", end) + 1
    return [], 0


class ElementScanner:
    """Looks for the end of one element in texts that follow each other; linear in time.

    It remembers how deep and whether within a string the texts so far have led, so that none of
    them need be kept.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._prefix = b""

    def find_end(self, text: bytes, start: int = 0) -> int | None:
        """Where the comma or bracket stands that ends the element; None if not in this text."""
        if not self._prefix and self._passes_whole(text, start):
            return None
        prefix = self._prefix
        self._prefix = b""
        for token in _TOKEN.finditer(prefix + text if prefix else text, start):
            place = token.start()
            mark = token.string[place]
            if mark in b"[{":
                self._depth += 1
            elif mark == ord('"'):
                if not token["close"]:
                    self._prefix = b'"\\' if token["odd"] else b'"'
            elif not self._depth and mark in (_COMMA, _BRACKET):
                return place - len(prefix)
            elif mark in b"]}" and self._depth:
                self._depth -= 1
        return None

    def _passes_whole(self, text: bytes, start: int) -> bool:
        """Whether the text has no strings and too few brackets to come back from the depth."""
        if text.find(b'"', start) >= 0:
            return False
        closing = text.count(b"]", start) + text.count(b"}", start)
        if closing >= self._depth + text.startswith((b"[", b"{"), start):
            return False
        self._depth += text.count(b"[", start) + text.count(b"{", start) - closing
        return True
