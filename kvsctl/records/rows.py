"""A table cut into rows: quoted cells may hold line ends, so a row may be several lines."""

import re
from collections.abc import Iterator

from kvsctl.records import lines as bounds
from kvsctl.records.lines import BLANK, VISIBLE, Line, take_complete, without_cr


def split_rows(chunks: Iterator[bytes], delimiter: str) -> Iterator[list[Line]]:
    """The rows as the bytes that stand there, without their ends, in lists as of `split_lines`.

    The number is that of the row's first line. A quote opens a cell only at its start, and what
    follows its other up to the delimiter belongs to it; a cell that nothing closes reaches to
    the end. At most `MAX_LINE_BYTES` are kept of a row; where one that is longer ends is told by
    whether its quotes are even in number.
    """
    rows = _Rows(delimiter)
    tail, dropped_quotes, was_cut = bytearray(), 0, False
    for chunk in chunks:
        if not chunk:
            yield []
            continue
        tail += chunk
        found: list[Line] = []
        pieces = take_complete(tail, chunk, b"\n")
        if pieces and not was_cut and rows.are_common(pieces, chunk):
            yield rows.number(pieces)
            continue
        for piece in pieces:
            rows.take(piece, found, dropped_quotes, was_cut=was_cut)
            dropped_quotes, was_cut = 0, False
        if len(tail) > bounds.MAX_LINE_BYTES or was_cut:
            was_cut = True
            dropped_quotes += tail.count(b'"', bounds.KEPT_BYTES)
            del tail[bounds.KEPT_BYTES :]
        if found:
            yield found
    found = []
    if tail:
        rows.take(bytes(tail), found, dropped_quotes, was_cut=was_cut)
    rows.finish(found)
    if found:
        yield found


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

    def are_common(self, lines: list[bytes], chunk: bytes) -> bool:
        """Whether each of the lines that the chunk completed is a row, to be taken as it is."""
        return (
            not self._open
            and b'"' not in chunk
            and b'"' not in lines[0]
            and max(len(chunk), len(lines[0])) <= bounds.MAX_LINE_BYTES
            and min(lines) >= VISIBLE
        )

    def number(self, lines: list[bytes]) -> list[Line]:
        """Common lines as the rows that they are."""
        first = self._number + 1
        self._number += len(lines)
        return [Line(place, line.removesuffix(b"\r")) for place, line in enumerate(lines, first)]

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
        if not self._is_cut or not self._open:
            self._open.append(line)
        if self._is_cut:
            self._open = [b"\n".join(self._open)[: bounds.KEPT_BYTES]]
