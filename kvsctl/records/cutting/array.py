"""One JSON array cut into its elements as it arrives, each as the bytes that stand there."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from kvsctl.errors import StreamError, UsageError
from kvsctl.records.cutting import lines as bounds
from kvsctl.records.cutting.lines import Line, Lines

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


_BLANK: Final = b" \t\r\n"
_STRING: Final = rb'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"'
_FLAT: Final = rb'[^"\[\]{}]++|' + _STRING
_NESTED: Final = rb"[\[{](?:" + _FLAT + rb"|[\[{](?:" + _FLAT + rb")*+[\]}])*+[\]}]"
_ELEMENT: Final = re.compile(
    _SPACE + rb"(" + _NESTED + rb"|" + _STRING + rb")" + _SPACE + rb"([,\]])", re.DOTALL
)
"""An element and what ends it, if it is all there and of the common kind."""


def split_array(chunks: Iterator[bytes], label: str) -> Iterator[Sequence[Line]]:
    """The elements, numbered from 1, in lists of what each chunk completed.

    An empty chunk gives a list that may be empty. At most `MAX_LINE_BYTES` are kept of an
    unfinished element. What stands between two commas is an element, be it one or not. Raises
    UsageError if the text begins as no array; StreamError, after all elements that could be told
    apart, if it ends before its array does or goes on after it.
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
    """Where in the array the reading is, and what of it is not cut yet."""

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
        """That of the last element that was found."""
        return self._given + len(self._texts)

    def take(self, chunk: bytes) -> Sequence[Line]:
        """The elements that are complete with this; an empty chunk asks for all there are."""
        self._read(chunk)
        return self._give()

    def finish(self) -> Sequence[Line]:
        """The rest, when no more will come: an array that has no end may have an element more."""
        self._read(b"")
        rest = self._text.strip(_BLANK)
        if self._too_long is not None:
            self._add(self._start, is_cut=True)
        elif self._has_begun and not self._has_ended and rest:
            self._add(rest)
        return self._give()

    def require_no_more(self) -> None:
        """Raises StreamError if text follows the array."""
        if self._has_ended and self._text.strip(_BLANK):
            raise StreamError(
                f"{self._label}: more text follows the end of the array, "
                f"which has {self._number:,} elements",
                "What stands in the array was read. Put all records into one array.",
            )

    def require_end(self) -> None:
        """Raises StreamError if the array was not closed."""
        if not self._has_begun and not self._text.strip(_BLANK):
            return
        self.require_no_more()
        if not self._has_ended:
            raise StreamError(
                f"{self._label}: the array is cut short: it has no end after "
                f"element {self._number:,}",
                "What came before was read. See whether the file is whole.",
            )

    def _begin(self) -> bool:
        if self._has_begun:
            return True
        self._text = self._text.lstrip(_BLANK)
        if self._text and not self._text.startswith(b"["):
            raise UsageError(
                f"{self._label} is no JSON array: it does not begin with [",
                "Say --format jsonl if each line is a record.",
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
        if self._too_long is not None and not self._read_past(self._too_long):
            return
        # What is unfinished is looked at again when it has doubled: so not often.
        if not self._has_ended and (not chunk or len(self._text) >= self._wanted_bytes):
            self._cut()
            self._wanted_bytes = min(2 * len(self._text), bounds.MAX_LINE_BYTES + 1)
            if len(self._text) > bounds.MAX_LINE_BYTES and not self._has_ended:
                self._start = self._text[: bounds.KEPT_BYTES]
                self._too_long = ElementScanner()
                self._read_past(self._too_long)

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
            # Only the first may be missing: `[]`.
            if element or self._number or not self._has_ended:
                self._add(element)
            place = stop + 1
            self._seam = seam_at(text, stop - 1) or self._seam
        self._text = text[place:].lstrip(_BLANK)

    def _read_past(self, scanner: ElementScanner) -> bool:
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

    def _give(self) -> Sequence[Line]:
        """What was found since it was last given."""
        texts, cut_ones, first = self._texts, self._cut_ones, self._given + 1
        self._given = self._number
        self._texts, self._cut_ones = [], set()
        if not cut_ones:
            return Lines(first, texts)
        return [Line(number, text, number in cut_ones) for number, text in enumerate(texts, first)]
