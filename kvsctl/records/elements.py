"""Where an element of an array ends, whatever it is made of: brackets are counted, no more."""

import re
from typing import Final

# A string ends at its quote or, as none may hold one, at a line feed. Possessive: no search looks
# twice at a byte. What begins within a string is given its quote first.
_TOKEN: Final = re.compile(
    rb'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+(?P<close>["\n])?+(?P<odd>\\)?+|[\[\]{},]', re.DOTALL
)
_COMMA: Final = ord(",")
_BRACKET: Final = ord("]")


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
