"""One JSON array cut into its elements as it arrives, each as the bytes that stand there."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from kvsctl.errors import StreamError, UsageError
from kvsctl.records import lines as bounds
from kvsctl.records.elements import ElementScanner
from kvsctl.records.lines import Line

_BLANK: Final = b" \t\r\n"
_SPACE: Final = rb"[ \t\r\n]*+"
_STRING: Final = rb'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"'
_FLAT: Final = rb'[^"\[\]{}]++|' + _STRING
_NESTED: Final = rb"[\[{](?:" + _FLAT + rb"|[\[{](?:" + _FLAT + rb")*+[\]}])*+[\]}]"
_ELEMENT: Final = re.compile(
    _SPACE + rb"(" + _NESTED + rb"|" + _STRING + rb")" + _SPACE + rb"([,\]])", re.DOTALL
)
"""An element and what ends it, if it is all there and of the common kind."""
_SEAM: Final = re.compile(rb"[\]}\"]" + _SPACE + rb"," + _SPACE + rb"(?:[\[{][^,:]{0,8}|\")")
"""The end of an element and how the next begins, taken as a mark of where others end."""
_TRIES: Final = 3

_decode = msgspec.json.Decoder(list[msgspec.Raw]).decode


def split_array(chunks: Iterator[bytes], label: str) -> Iterator[list[Line]]:
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
        self._number = 0
        self._has_begun = False
        self._has_ended = False
        self._wanted_bytes = 0
        self._seam = b""
        self._too_long: ElementScanner | None = None
        self._start = b""

    def take(self, chunk: bytes) -> list[Line]:
        """The elements that are complete with this; an empty chunk asks for all there are."""
        self._text += chunk
        if self._has_ended or not self._begin():
            return []
        found: list[Line] = []
        if self._too_long is not None and not self._read_past(self._too_long, found):
            return []
        # What is unfinished is looked at again when it has doubled: so not often.
        if not self._has_ended and (not chunk or len(self._text) >= self._wanted_bytes):
            self._cut(found)
            self._wanted_bytes = min(2 * len(self._text), bounds.MAX_LINE_BYTES + 1)
            if len(self._text) > bounds.MAX_LINE_BYTES and not self._has_ended:
                self._start = self._text[: bounds.KEPT_BYTES]
                self._too_long = ElementScanner()
                self._read_past(self._too_long, found)
        return found

    def finish(self) -> list[Line]:
        """The rest, when no more will come: an array that has no end may have an element more."""
        found = self.take(b"")
        rest = self._text.strip(_BLANK)
        if self._too_long is not None:
            self._add(found, self._start, is_cut=True)
        elif self._has_begun and not self._has_ended and rest:
            self._add(found, rest)
        return found

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

    def _cut(self, found: list[Line]) -> None:
        place = self._cut_by_seam(found)
        text = self._text
        while not self._has_ended:
            common = _ELEMENT.match(text, place)
            stop = common.end() - 1 if common else ElementScanner().find_end(text, place)
            if stop is None:
                break
            element = common[1] if common else text[place:stop].strip(_BLANK)
            self._has_ended = text[stop] == ord("]")
            # Only the first may be missing: `[]`.
            if element or self._number or not self._has_ended:
                self._add(found, element)
            place = stop + 1
            if seam := _SEAM.match(text, stop - 1):
                self._seam = seam.group()
        self._text = text[place:]

    def _cut_by_seam(self, found: list[Line]) -> int:
        """Elements up to one of the last places that look like an end: right if all is JSON."""
        text, end = self._text, len(self._text)
        for _ in range(_TRIES if self._seam else 0):
            end = text.rfind(self._seam, 0, end)
            if end < 0:
                break
            try:
                elements = _decode(b"[%b]" % text[: end + 1])
            except (msgspec.MsgspecError, RecursionError):
                continue
            for element in elements:
                self._add(found, bytes(element))
            return text.index(b",", end) + 1
        return 0

    def _read_past(self, scanner: ElementScanner, found: list[Line]) -> bool:
        stop = scanner.find_end(self._text)
        if stop is None:
            self._text = b""
            return False
        self._add(found, self._start, is_cut=True)
        self._too_long = None
        self._has_ended = self._text[stop] == ord("]")
        self._text = self._text[stop + 1 :]
        self._wanted_bytes = 0
        return True

    def _add(self, found: list[Line], text: bytes, *, is_cut: bool = False) -> None:
        self._number += 1
        if is_cut or len(text) > bounds.MAX_LINE_BYTES:
            found.append(Line(self._number, text[: bounds.KEPT_BYTES], cut=True))
        else:
            found.append(Line(self._number, text))
