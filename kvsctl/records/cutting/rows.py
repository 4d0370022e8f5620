"""A table cut into rows: quoted cells may hold line ends, so a row may be several lines."""

import re
from collections.abc import Generator, Iterator, Sequence

from kvsctl.records.cutting import lines as bounds
from kvsctl.records.cutting.csv_blocks import BlockReader
from kvsctl.records.cutting.lines import BLANK, Line, without_cr


def split_rows(chunks: Iterator[bytes], delimiter: str) -> Iterator[Sequence[Line]]:
    """The rows as the bytes that stand there, without their ends, as of `split_lines`.

    The number is that of the row's first line. A quote opens a cell only at its start, and what
    follows its other up to the delimiter belongs to it; a cell that nothing closes reaches to
    the end. At most `MAX_LINE_BYTES` are kept of a row; where one that is longer ends is told by
    whether its quotes are even in number. Most rows come as a `Block`, with their cells.
    """
    rows = _Rows(delimiter)
    blocks = BlockReader(delimiter)
    tail, dropped_quotes, was_cut = bytearray(), 0, False
    for chunk in chunks:
        if not chunk:
            yield []
            continue
        end = chunk.rfind(b"\n")
        if end >= 0:
            text = bytes(tail) + chunk[:end]
            tail.clear()
            found: list[Line] = []
            start = rows.take_open(text, found, dropped_quotes, was_cut=was_cut)
            dropped_quotes, was_cut = 0, False
            if found:
                yield found
            if start <= len(text):
                yield from rows.take_lines(text[start:], blocks)
        tail += chunk[end + 1 :]
        if len(tail) > bounds.MAX_LINE_BYTES or was_cut:
            was_cut = True
            dropped_quotes += tail.count(b'"', bounds.KEPT_BYTES)
            del tail[bounds.KEPT_BYTES :]
    found = []
    if tail:
        rows.take(bytes(tail), found, dropped_quotes, was_cut=was_cut)
    rows.finish(found)
    if found:
        yield found


def _seeming_end(text: bytes) -> int:
    """Where the last line ends before which quotes are even in number; -1 if none does."""
    end, is_odd = len(text), text.count(b'"') % 2
    while is_odd and end >= 0:
        before = text.rfind(b"\n", 0, end)
        is_odd ^= text.count(b'"', before + 1, end) % 2
        end = before
    return end


class _Rows:
    """Joins lines to rows."""

    def __init__(self, delimiter: str) -> None:
        mark = re.escape(delimiter).encode()
        closed = rb'"[^"]*+(?:""[^"]*+)*+"[^%b]*+' % mark
        cells = rb'(?:(?:%b|[^%b"][^%b]*+|)(?:%b|\Z))*+' % (closed, mark, mark, mark)
        self._from_start = re.compile(cells)
        self._from_within = re.compile(
            rb'[^"]*+(?:""[^"]*+)*+"[^%b]*+(?:%b|\Z)%b' % (mark, mark, cells)
        )
        self._number = 0
        self._open: list[bytes] = []
        self._open_bytes = 0
        self._first = 0
        self._is_cut = False

    def take_open(
        self, text: bytes, found: list[Line], dropped_quotes: int, *, was_cut: bool
    ) -> int:
        """Takes lines up to the end of the row that is open; returns where the next one begins."""
        start = 0
        while start <= len(text) and (self._open or was_cut):
            end = text.find(b"\n", start)
            end = len(text) if end < 0 else end
            self.take(text[start:end], found, dropped_quotes, was_cut=was_cut)
            dropped_quotes, was_cut = 0, False
            start = end + 1
        return start

    def take_lines(self, text: bytes, blocks: BlockReader) -> Iterator[Sequence[Line]]:
        """Takes whole lines, the first of which begins a row."""
        rest: bytes | None = text
        if len(text) <= bounds.MAX_LINE_BYTES:
            rest = yield from self._take_blocks(text, blocks)
            end = -1 if rest is None else _seeming_end(rest)
            # The last row may go on in what is yet to come: those before it are as good as others.
            if rest is not None and 0 <= end < len(rest):
                left = yield from self._take_blocks(rest[:end], blocks)
                rest = rest[end + 1 :] if left is None else left + rest[end:]
        found: list[Line] = []
        for line in [] if rest is None else rest.split(b"\n"):
            self.take(line, found, 0, was_cut=False)
        if found:
            yield found

    def _take_blocks(
        self, text: bytes, blocks: BlockReader
    ) -> Generator[Sequence[Line], None, bytes | None]:
        """Takes what can be read at once, and returns the lines after it; None if none are."""
        try:
            shown = text.decode()
        except UnicodeDecodeError:
            return text
        first = self._number
        for block in blocks.read(shown, first + 1):
            self._number += len(block.lines)
            yield block
        if blocks.has_read_all:
            return None
        return text.split(b"\n", self._number - first)[-1]

    def take(self, line: bytes, found: list[Line], dropped_quotes: int, *, was_cut: bool) -> None:
        """Adds a line, of which some may have been dropped, and the row that it completes."""
        self._number += 1
        was_cut = was_cut or len(line) > bounds.MAX_LINE_BYTES
        if not self._open:
            if not was_cut and b'"' not in line:
                if not BLANK.fullmatch(line):
                    found.append(Line(self._number, without_cr(line)))
                return
            self._first = self._number
        if was_cut:
            is_open = bool((line.count(b'"') + dropped_quotes) % 2) != bool(self._open)
        else:
            pattern = self._from_within if self._open else self._from_start
            closing = pattern.match(line)
            is_open = closing is None or closing.end() != len(line)
        self._keep(line, is_cut=was_cut)
        if not is_open:
            self.finish(found)

    def finish(self, found: list[Line]) -> None:
        """Adds the row that is open."""
        if self._open:
            text = b"\n".join(self._open)
            found.append(
                Line(self._first, text if self._is_cut else without_cr(text), self._is_cut)
            )
        self._open, self._open_bytes, self._is_cut = [], 0, False

    def _keep(self, line: bytes, *, is_cut: bool) -> None:
        self._open_bytes += len(line) + 1
        if is_cut or self._open_bytes > bounds.MAX_LINE_BYTES + 1:
            self._is_cut = True
        self._open.append(line[: bounds.KEPT_BYTES] if self._is_cut else line)
        if self._is_cut:
            self._open = [b"\n".join(self._open)[: bounds.KEPT_BYTES]]
