"""Bytes cut into lines, each with its number; never more of one in memory than a bound."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, overload

import msgspec

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
"""A longer piece is no record: all but its first `KEPT_BYTES` is read past, not kept."""
KEPT_BYTES: Final = 1024
BLANK: Final = re.compile(rb"[ \t\r\n]*")
VISIBLE: Final = b"!"
_MARK: Final = b"\xef\xbb\xbf"


class Line(msgspec.Struct, frozen=True, gc=False):
    """One piece of input: a line without its end, an array's element, a row of a table.

    `number` counts lines from 1, that of a row is its first line's; elements are counted from 1
    as well. `cut`: it was too long to keep.
    """

    number: int
    text: bytes
    cut: bool = False


class Lines(Sequence[Line]):
    """Lines that follow each other, none of them blank or cut; as `Line`s they are made if asked.

    `first` is the number of the first.
    """

    __slots__ = ("first", "texts")

    def __init__(self, first: int, texts: Sequence[bytes]) -> None:
        self.first = first
        self.texts = texts

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
    """The same without the byte order mark of UTF-8 at the start."""
    head = b""
    for chunk in chunks:
        head += chunk
        if chunk and (len(head) >= len(_MARK) or not _MARK.startswith(head)):
            yield head.removeprefix(_MARK)
            break
        yield b""
    else:
        if rest := head.removeprefix(_MARK):
            yield rest
    yield from chunks


def split_lines(chunks: Iterator[bytes], end: bytes = b"\n") -> Iterator[Sequence[Line]]:
    """Cuts chunks at `end`. Of lines, a final CR is taken off.

    Blank lines are counted and left out. The lists hold what each chunk completed; an empty
    chunk gives an empty list. At most `MAX_LINE_BYTES` are kept of an unfinished line; one that
    is longer is never blank, as what was not kept is not known.
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
            # What begins with a visible character is not blank: most lines are seen so at once.
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
    """Whether all lines are taken as they are, and so far what follows them."""
    return (
        b"\r" not in chunk
        and b"\r" not in pieces[0]
        and len(chunk) <= MAX_LINE_BYTES  # and so is each line but the first, which began before
        and len(pieces[0]) <= MAX_LINE_BYTES
        and len(tail) <= MAX_LINE_BYTES
        and min(pieces) >= VISIBLE
    )


def take_complete(tail: bytearray, chunk: bytes, end: bytes) -> list[bytes]:
    """The pieces that `chunk`, just added to `tail`, has completed; they are taken off it."""
    if end not in chunk:
        return []
    pieces = bytes(tail).split(end)
    tail[:] = pieces.pop()
    return pieces


def without_cr(line: bytes) -> bytes:
    """The line without the CR of its end."""
    return line.removesuffix(b"\r")
