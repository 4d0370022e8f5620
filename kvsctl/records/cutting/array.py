"""Cut one JSON array into its elements while it arrives, each with its exact bytes.

A *seam* is the text between two elements: the end of one, a comma, and the start of the next.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from kvsctl.errors import StreamError, UsageError
from kvsctl.records.cutting import lines as bounds
from kvsctl.records.cutting.lines import Line, Lines

# A string ends at its quote, or at a line feed, which no string may hold. Possessive, so that no
# search reads a byte twice. Text that starts inside a string gets a quote as its prefix first.
_TOKEN: Final = re.compile(
    rb'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+(?P<close>["\n])?+(?P<odd>\\)?+|[\[\]{},]', re.DOTALL
)
_SPACE: Final = rb"[ \t\r\n]*+"
_SEAM: Final = re.compile(rb"[\]}\"]" + _SPACE + rb"," + _SPACE + rb"(?:[\[{][^,:]{0,8}|\")")
_MOST_ATTEMPTS: Final = 3
_COMMA: Final = ord(",")
_BRACKET: Final = ord("]")


_decode = msgspec.json.Decoder(list[msgspec.Raw]).decode


def seam_at(text: bytes, place: int) -> bytes | None:
    """Return the seam at `place`, to search for others like it; None if there is no seam."""
    seam = _SEAM.match(text, place)
    return seam.group() if seam else None


def elements_up_to(text: bytes, seam: bytes) -> tuple[list[bytes], int]:
    """Return the elements before one of the last seams, and the index where the next one starts.

    `text` starts with an element. A text that looks like a seam is one if everything before it is
    JSON. Return no elements and 0 if no such seam is found in a few attempts.
    """
    end = len(text)
    for _ in range(_MOST_ATTEMPTS):
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
    """A search for the end of one element in consecutive texts, in linear time.

    It remembers the nesting depth, and whether the last text ended inside a string, so the caller
    need not keep any text.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._prefix = b""

    def find_end(self, text: bytes, start: int = 0) -> int | None:
        """Return the index of the comma or bracket after the element; None if not in this text."""
        if not self._prefix and self._skip_whole(text, start):
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

    def _skip_whole(self, text: bytes, start: int) -> bool:
        """Skip the whole text, and return True, if the element cannot end in it.

        That is so if the text has no strings and fewer closing brackets than the depth needs.
        """
        if text.find(b'"', start) >= 0:
            return False
        closing = text.count(b"]", start) + text.count(b"}", start)
        if closing >= self._depth + text.startswith((b"[", b"{"), start):
            return False
        self._depth += text.count(b"[", start) + text.count(b"{", start) - closing
        return True


_BLANK: Final = b" \t\r\n"
_STRING: Final = rb'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"'
_FLAT: Final = rb'[^"\[\]{}]++|' + _STRING
_NESTED: Final = rb"[\[{](?:" + _FLAT + rb"|[\[{](?:" + _FLAT + rb")*+[\]}])*+[\]}]"
_ELEMENT: Final = re.compile(
    _SPACE + rb"(" + _NESTED + rb"|" + _STRING + rb")" + _SPACE + rb"([,\]])", re.DOTALL
)
"""A complete element of a common kind, and the comma or bracket after it."""


def split_array(chunks: Iterator[bytes], label: str) -> Iterator[Sequence[Line]]:
    """Yield lists of the elements that each chunk completed, numbered from 1.

    An empty chunk gives a list that may be empty. At most `MAX_LINE_BYTES` of an unfinished
    element are kept. Any text between two commas counts as an element, valid or not.

    Raise UsageError if the text does not start like an array. Raise StreamError, after all
    elements that could be separated, if the text ends before the array or continues after it.
    """
    array = _Array(label)
    for chunk in chunks:
        found = array.take(chunk)
        if found or not chunk:
            yield found
        array.require_no_more()
    if last := array.finish():
        yield last
    array.require_end()


class _Array:
    """The state of reading an array: the text that is not cut yet, and the position."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._text = b""
        self._given = 0
        self._texts: list[bytes] = []
        self._cut_ones: set[int] = set()
        self._has_begun = False
        self._has_ended = False
        self._wanted_bytes = 0
        self._seam = b""
        self._too_long: ElementScanner | None = None
        self._start = b""

    @property
    def _number(self) -> int:
        """The number of the last element that was found."""
        return self._given + len(self._texts)

    def take(self, chunk: bytes) -> Sequence[Line]:
        """Return the elements that `chunk` completes. After an empty chunk, return all so far."""
        self._read(chunk)
        return self._take_found()

    def finish(self) -> Sequence[Line]:
        """Return the rest at the end of the input: an unclosed array may have one more element."""
        self._read(b"")
        rest = self._text.strip(_BLANK)
        if self._too_long is not None:
            self._add(self._start, is_cut=True)
        elif self._has_begun and not self._has_ended and rest:
            self._add(rest)
        return self._take_found()

    def require_no_more(self) -> None:
        """Raise StreamError if text follows the array."""
        if self._has_ended and self._text.strip(_BLANK):
            raise StreamError(
                f"{self._label}: more text follows the end of the array, after "
                f"element {self._number:,}",
                "The elements of the array were read. Put all records into one array.",
            )

    def require_end(self) -> None:
        """Raise StreamError if the array was not closed."""
        if not self._has_begun and not self._text.strip(_BLANK):
            return
        self.require_no_more()
        if not self._has_ended:
            raise StreamError(
                f"{self._label}: the array is truncated: it is not closed after "
                f"element {self._number:,}",
                "Everything before that was read. Check that the file is complete.",
            )

    def _begin(self) -> bool:
        if self._has_begun:
            return True
        self._text = self._text.lstrip(_BLANK)
        if self._text and not self._text.startswith(b"["):
            raise UsageError(
                f'{self._label}: not a JSON array: it does not start with "["',
                "Use --format jsonl if each line is a record.",
            )
        self._has_begun = bool(self._text)
        self._text = self._text[1:]
        return self._has_begun

    def _read(self, chunk: bytes) -> None:
        self._text += chunk
        if self._has_ended:
            self._text = self._text.lstrip(_BLANK)
        if self._has_ended or not self._begin():
            return
        if self._too_long is not None and not self._skip_too_long(self._too_long):
            return
        # Search an unfinished element again only when the text has doubled: linear time in all.
        if not self._has_ended and (not chunk or len(self._text) >= self._wanted_bytes):
            self._cut()
            self._wanted_bytes = min(2 * len(self._text), bounds.MAX_LINE_BYTES + 1)
            if len(self._text) > bounds.MAX_LINE_BYTES and not self._has_ended:
                self._start = self._text[: bounds.KEPT_BYTES]
                self._too_long = ElementScanner()
                self._skip_too_long(self._too_long)

    def _cut(self) -> None:
        text = self._text
        elements, place = elements_up_to(text, self._seam) if self._seam else ([], 0)
        if place <= bounds.MAX_LINE_BYTES:
            self._texts += elements
        else:
            for element in elements:
                self._add(element)
        while not self._has_ended:
            common = _ELEMENT.match(text, place)
            stop = common.end() - 1 if common else ElementScanner().find_end(text, place)
            if stop is None:
                break
            element = common[1] if common else text[place:stop].strip(_BLANK)
            self._has_ended = text[stop] == ord("]")
            # Text without an element is an empty array only right at the start: `[]`.
            if element or self._number or not self._has_ended:
                self._add(element)
            place = stop + 1
            self._seam = seam_at(text, stop - 1) or self._seam
        self._text = text[place:].lstrip(_BLANK)

    def _skip_too_long(self, scanner: ElementScanner) -> bool:
        stop = scanner.find_end(self._text)
        if stop is None:
            self._text = b""
            return False
        self._add(self._start, is_cut=True)
        self._too_long = None
        self._has_ended = self._text[stop] == ord("]")
        self._text = self._text[stop + 1 :]
        self._wanted_bytes = 0
        return True

    def _add(self, text: bytes, *, is_cut: bool = False) -> None:
        if is_cut or len(text) > bounds.MAX_LINE_BYTES:
            text = text[: bounds.KEPT_BYTES]
            self._cut_ones.add(self._number + 1)
        self._texts.append(text)

    def _take_found(self) -> Sequence[Line]:
        """Return the elements found since the last call."""
        texts, cut_ones, first = self._texts, self._cut_ones, self._given + 1
        self._given = self._number
        self._texts, self._cut_ones = [], set()
        if not cut_ones:
            return Lines(first, texts)
        return [Line(number, text, number in cut_ones) for number, text in enumerate(texts, first)]
