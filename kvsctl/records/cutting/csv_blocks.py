"""Read many rows of a table at once, with Python's csv module. Leave unusual rows to `rows`."""

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, overload

from kvsctl.records.cutting.lines import Line

BLOCK_ROWS: Final = 300
"""The most rows in a block: few enough lists that creating them does not start the garbage
collector, which runs after 700 allocations."""
BYTE_ORDER_MARK: Final = "\ufeff"
_VISIBLE: Final = "!"
_REPEATED_CR: Final = re.compile("\r\r").search
"""Faster than `in` for two characters. For one character, `in` is faster."""


class Block(Sequence[Line]):
    """Consecutive rows, with their cells.

    As a sequence, it holds each row as a `Line` with its exact bytes, created on access.
    `numbers` has the number of each row's first line. `lines` has all lines of all rows. `end` is
    the part of the line end that the last line of a row may still have.
    """

    __slots__ = ("cells", "end", "lines", "numbers")

    def __init__(
        self, cells: list[list[str]], numbers: Sequence[int], lines: Sequence[str], end: str = "\r"
    ) -> None:
        self.cells = cells
        self.numbers = numbers
        self.lines = lines
        self.end = end

    def __len__(self) -> int:
        return len(self.cells)

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> "Block": ...
    def __getitem__(self, index: int | slice) -> "Line | Block":
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                raise ValueError("rows follow each other")
            return Block(
                self.cells[index],
                self.numbers[index],
                self.lines[self._place(start) : self._place(max(start, stop))],
                self.end,
            )
        row = range(len(self))[index]
        lines = self.lines[self._place(row) : self._place(row + 1)]
        return Line(self.numbers[row], "\n".join(lines).removesuffix(self.end).encode())

    def _place(self, row: int) -> int:
        """Return the index in `lines` at which a row starts."""
        if row >= len(self.numbers):
            return len(self.lines)
        return self.numbers[row] - self.numbers[0]


class BlockReader:
    """A reader of common rows, in blocks.

    After `read`, `has_read_all` is True if the text held nothing but common rows.
    """

    def __init__(self, delimiter: str, *, has_quotes: bool = True) -> None:
        self._delimiter = delimiter
        self._has_quotes = has_quotes
        self._has_joined = False
        self.has_read_all = False

    def read(self, text: str, number: int) -> Iterator[Block]:
        """Yield the rows of a text in blocks. `number` is the number of its first line.

        The text is whole lines, without the end of the last one. Stop before a block with a blank
        row or with anything that needs the careful path: wrong quotes, a CR inside a line, a byte
        order mark, a cell longer than the csv module accepts, or a row without an end.
        """
        self.has_read_all = False
        if BYTE_ORDER_MARK in text:
            return  # a row that begins with one is not valid
        if not self._has_quotes or '"' not in text:
            # A CR before a line feed belongs to the line end; any other belongs to its cell.
            lines = text.replace("\r\n", "\n").removesuffix("\r").split("\n")
            blocks = self._plain(lines, number)
        elif "\r" in text and _REPEATED_CR(text):
            return  # the csv module would take both CRs for the line end
        else:
            blocks = self._quoted(text.split("\n"), number)
        try:
            for block in blocks:
                first_lines: Sequence[str] = block.lines
                if len(first_lines) > len(block):
                    first_lines = [block.lines[place - block.numbers[0]] for place in block.numbers]
                if min(first_lines) < _VISIBLE and not all(map(str.strip, first_lines)):
                    return
                yield block
        except csv.Error:
            return
        self.has_read_all = True

    def _plain(self, lines: list[str], number: int) -> Iterator[Block]:
        delimiter = self._delimiter
        for start in range(0, len(lines), BLOCK_ROWS):
            part = lines[start : start + BLOCK_ROWS]
            numbers = range(number + start, number + start + len(part))
            yield Block([line.split(delimiter) for line in part], numbers, part, end="")

    def _quoted(self, lines: list[str], number: int) -> Iterator[Block]:
        done = 0
        if not self._has_joined:
            for block in self._one_line_each(lines, number):
                yield block
                done += len(block)
        if self._has_joined:
            yield from self._several_lines_each(lines[done:], number + done)

    def _one_line_each(self, lines: list[str], number: int) -> Iterator[Block]:
        """Stop before a block with a row of several lines, and set `_has_joined`."""
        rows = csv.reader(lines, delimiter=self._delimiter, strict=True)
        start = 0
        while cells := list(islice(rows, BLOCK_ROWS)):
            stop = rows.line_num
            if stop - start != len(cells):
                self._has_joined = True
                return
            yield Block(cells, range(number + start, number + stop), lines[start:stop])
            start = stop

    def _several_lines_each(self, lines: list[str], number: int) -> Iterator[Block]:
        rows = csv.reader((f"{line}\n" for line in lines), delimiter=self._delimiter, strict=True)
        start = 0
        while start < len(lines):
            cells, numbers, stop = [], [], start
            for row in islice(rows, BLOCK_ROWS):
                cells.append(row)
                numbers.append(number + stop)
                stop = rows.line_num
            yield Block(cells, numbers, lines[start:stop])
            start = stop
