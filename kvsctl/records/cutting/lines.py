"""Cut bytes into numbered lines, holding at most a bounded part of each line in memory."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, overload

import msgspec

from kvsctl.jsontext import BYTE_ORDER_MARK

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
"""A longer piece is not a valid record: only its first `KEPT_BYTES` are kept."""
KEPT_BYTES: Final = 1024
BLANK: Final = re.compile(rb"[ \t\r\n]*")
VISIBLE: Final = b"!"


class Line(msgspec.Struct, frozen=True, gc=False):
    """A piece of input: a line without its end, an element of an array, or a row of a table.

    `number` counts lines from 1; a row has the number of its first line. Elements of an array are
    counted from 1 too. `cut` is True if the piece was too long to keep and `text` is truncated.
    """

    number: int
    text: bytes
    cut: bool = False


class Lines(Sequence[Line]):
    """Consecutive lines, none of them blank or cut. Each `Line` is created on access.

    `first` is the number of the first line.
    """

    __slots__ = ("first", "texts")

    def __init__(self, first: int, texts: Sequence[bytes]) -> None:
        self.first = first
        self.texts = texts

    @property
    def numbers(self) -> range:
        """The number of each line."""
        return range(self.first, self.first + len(self.texts))

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> "Lines": ...
    def __getitem__(self, index: int | slice) -> "Line | Lines":
        places = range(len(self.texts))[index]
        if isinstance(places, int):
            return Line(self.first + places, self.texts[places])
        if places.step != 1:
            raise ValueError("lines follow each other")
        return Lines(self.first + places.start, self.texts[places.start : places.stop])


def without_mark(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the chunks without a UTF-8 byte order mark at the start."""
    head = b""
    for chunk in chunks:
        head += chunk
        if chunk and (len(head) >= len(BYTE_ORDER_MARK) or not BYTE_ORDER_MARK.startswith(head)):
            yield head.removeprefix(BYTE_ORDER_MARK)
            break
        yield b""
    else:
        if rest := head.removeprefix(BYTE_ORDER_MARK):
            yield rest
    yield from chunks


def split_lines(chunks: Iterator[bytes], end: bytes = b"\n") -> Iterator[Sequence[Line]]:
    """Cut chunks at `end`. If `end` is a line feed, remove a CR before it.

    Blank lines are counted and skipped. Each list holds the lines that a chunk completed; an
    empty chunk gives an empty list. At most `MAX_LINE_BYTES` of an unfinished line are kept. A
    longer line is never taken for blank, because the part that was not kept is unknown.
    """
    number, tail, cut = 1, bytearray(), False
    finish: Callable[[bytes], bytes] = without_cr if end == b"\n" else bytes
    for chunk in chunks:
        if not chunk:
            yield []
            continue
        tail += chunk
        pieces = take_complete(tail, chunk, end)
        if not cut and pieces and _are_common(pieces, chunk, tail):
            yield Lines(number, pieces)
            number += len(pieces)
            continue
        lines = []
        for piece in pieces:
            cut = cut or len(piece) > MAX_LINE_BYTES
            # The comparison is the quick test: a line that starts with a visible byte is not blank.
            if cut or piece >= VISIBLE or not BLANK.fullmatch(piece):
                lines.append(Line(number, piece[:KEPT_BYTES] if cut else finish(piece), cut))
            number, cut = number + 1, False
        if len(tail) > MAX_LINE_BYTES:
            cut = True
        if cut:
            del tail[KEPT_BYTES:]
        if lines:
            yield lines
    if cut or not BLANK.fullmatch(tail):
        yield [Line(number, bytes(tail) if cut else finish(bytes(tail)), cut)]


def _are_common(pieces: list[bytes], chunk: bytes, tail: bytearray) -> bool:
    """Return whether all lines and the unfinished tail can be used unchanged."""
    return (
        b"\r" not in chunk
        and b"\r" not in pieces[0]
        and len(chunk) <= MAX_LINE_BYTES  # holds for each line but the first, which began earlier
        and len(pieces[0]) <= MAX_LINE_BYTES
        and len(tail) <= MAX_LINE_BYTES
        and min(pieces) >= VISIBLE
    )


def take_complete(tail: bytearray, chunk: bytes, end: bytes) -> list[bytes]:
    """Remove from `tail` the pieces that `chunk`, its last part, completed, and return them."""
    if end not in chunk:
        return []
    pieces = bytes(tail).split(end)
    tail[:] = pieces.pop()
    return pieces


def without_cr(line: bytes) -> bytes:
    """Return the line without a final CR."""
    return line.removesuffix(b"\r")
