"""Cut a table into rows. Quoted cells may hold line ends, so a row may be several lines."""

import re
from collections.abc import Generator, Iterator, Sequence

from kvsctl.records.cutting import lines as bounds
from kvsctl.records.cutting.csv_blocks import BlockReader
from kvsctl.records.cutting.lines import BLANK, Line, without_cr


def split_rows(
    chunks: Iterator[bytes], delimiter: str, *, first: int = 1, has_quotes: bool = True
) -> Iterator[Sequence[Line]]:
    """Yield lists of rows, each with its exact bytes but without its line end, like `split_lines`.

    A row has the number of its first line. A quote opens a cell only at the start of the cell.
    Text between the closing quote and the delimiter belongs to the cell. A cell that is never
    closed extends to the end of the input. At most `MAX_LINE_BYTES` of a row are kept; a longer
    row ends at the first line end after an even number of quotes. Most lists are a `Block`, which
    has the cells too. `first` is the number of the first line. If `has_quotes` is False, every line
    is a row.
    """
    rows = _Rows(delimiter, first, has_quotes=has_quotes)
    blocks = BlockReader(delimiter, has_quotes=has_quotes)
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
    """Return the index of the last line end after an even number of quotes; -1 if none."""
    end, is_odd = len(text), text.count(b'"') % 2
    while is_odd and end >= 0:
        before = text.rfind(b"\n", 0, end)
        is_odd ^= text.count(b'"', before + 1, end) % 2
        end = before
    return end


class _Rows:
    """Joins lines into rows. Holds the lines of the row that is still open."""

    def __init__(self, delimiter: str, first: int, *, has_quotes: bool) -> None:
        self._has_quotes = has_quotes
        mark = re.escape(delimiter).encode()
        closed = rb'"[^"]*+(?:""[^"]*+)*+"[^%b]*+' % mark
        cells = rb'(?:(?:%b|[^%b"][^%b]*+|)(?:%b|\Z))*+' % (closed, mark, mark, mark)
        self._from_start = re.compile(cells)
        self._from_within = re.compile(
            rb'[^"]*+(?:""[^"]*+)*+"[^%b]*+(?:%b|\Z)%b' % (mark, mark, cells)
        )
        self._number = first - 1
        self._open: list[bytes] = []
        self._open_bytes = 0
        self._first = 0
        self._is_cut = False

    def take_open(
        self, text: bytes, found: list[Line], dropped_quotes: int, *, was_cut: bool
    ) -> int:
        """Read lines up to the end of the open row. Return the index where the next row starts."""
        start = 0
        while start <= len(text) and (self._open or was_cut):
            end = text.find(b"\n", start)
            end = len(text) if end < 0 else end
            self.take(text[start:end], found, dropped_quotes, was_cut=was_cut)
            dropped_quotes, was_cut = 0, False
            start = end + 1
        return start

    def take_lines(self, text: bytes, blocks: BlockReader) -> Iterator[Sequence[Line]]:
        """Read whole lines. The first one must start a row."""
        rest: bytes | None = text
        if len(text) <= bounds.MAX_LINE_BYTES:
            rest = yield from self._take_blocks(text, blocks)
            end = -1 if rest is None else _seeming_end(rest)
            # The last row may continue in a later chunk. The rows before it can be read in blocks.
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
        """Read the lines that a block reader can. Return the rest; None if all were read."""
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
        """Read a line, and add the row that it completes to `found`.

        If `was_cut` is True, a part of the line was dropped; `dropped_quotes` counts its quotes.
        """
        self._number += 1
        was_cut = was_cut or len(line) > bounds.MAX_LINE_BYTES
        if not self._open:
            if not was_cut and not (self._has_quotes and b'"' in line):
                if not BLANK.fullmatch(line):
                    found.append(Line(self._number, without_cr(line)))
                return
            self._first = self._number
        if not self._has_quotes:
            is_open = False
        elif was_cut:
            is_open = bool((line.count(b'"') + dropped_quotes) % 2) != bool(self._open)
        else:
            pattern = self._from_within if self._open else self._from_start
            closing = pattern.match(line)
            is_open = closing is None or closing.end() != len(line)
        self._keep(line, is_cut=was_cut)
        if not is_open:
            self.finish(found)

    def finish(self, found: list[Line]) -> None:
        """End the open row, if there is one, and add it to `found`."""
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
