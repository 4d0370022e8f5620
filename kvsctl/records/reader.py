"""Read all inputs in order, as records and problems with their positions."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, repeat
from pathlib import Path
from typing import Final, TypeAlias

from kvsctl import codes
from kvsctl.errors import StreamError, UsageError
from kvsctl.model import Identity, Origin, Problem, Record
from kvsctl.records.cutting.csv_blocks import Block
from kvsctl.records.cutting.lines import MAX_LINE_BYTES, Line, Lines
from kvsctl.records.fast.lines import CommonLines
from kvsctl.records.parsed import Parsed, Parser, Rejected, TableParser
from kvsctl.records.sources import File, Source

ParserChoice: TypeAlias = Callable[[Source, bytes], Parser]
"""A function that chooses a source's parser, given its first line that is not blank."""


MOST_PIECES: Final = 1000
"""The most records in one list. A chunk can hold tens of thousands of short lines; as records, all
of them at once would need too much memory."""


@dataclass(slots=True)
class Reader:
    """A reader of `sources` in order. Iterate it to get lists of records and problems.

    A list holds pieces that arrived together, at most `MOST_PIECES`. An empty list means that the
    input has nothing more right now. Positions count from 0 over all sources. A piece that cannot
    be read becomes a Problem, and reading continues.

    Raise UsageError if a source cannot be used, or cannot be read, before anything was read. After
    that, raise StreamError: for an unusable source as for any read that fails part-way.
    """

    sources: Sequence[Source]
    choose_parser: ParserChoice
    odd_blanks: "OddBlanks" = field(default_factory=lambda: OddBlanks(), init=False)

    @property
    def may_wait(self) -> bool:
        """Whether reading may block until input arrives, as from a pipe or a terminal."""
        return any(isinstance(source, File) and source.size is None for source in self.sources)

    def fraction_read(self) -> float | None:
        """Return the part of the input that was read, from 0 to 1.

        Return None unless every source is a regular file. For an archive, compressed bytes count.
        If a file shrinks while it is read, the result reaches 1 early.
        """
        files = [source for source in self.sources if isinstance(source, File)]
        sizes = [file.size for file in files]
        if len(files) < len(self.sources) or None in sizes:
            return None
        total = sum(size or 0 for size in sizes)
        return min(1.0, sum(file.bytes_read for file in files) / total) if total else 1.0

    def __iter__(self) -> Iterator[list[Record | Problem]]:
        has_begun = False
        self.odd_blanks = OddBlanks()
        try:
            for pieces in self._pieces():
                yield pieces
                has_begun = has_begun or bool(pieces)
        except (UsageError, StreamError) as error:
            kind = StreamError if has_begun else UsageError
            if isinstance(error, kind):
                raise
            raise kind(error.message, error.hint) from error

    def require_usable(self, *, may_reread: Callable[[Path], bool]) -> None:
        """Read the start of each later regular file; raise UsageError if one cannot be used.

        Call it before anything is sent: otherwise the records of one file would be sent before it
        is known that the next is an archive, or a table without keys. The first source needs no
        look ahead, as nothing is sent before it is read. Files that `may_reread` refuses are left
        alone.
        """
        for source in self.sources[1:]:
            if (
                isinstance(source, File)
                and source.path is not None
                and source.is_rereadable
                and may_reread(source.path)
            ):
                self._require_usable(source)

    def _require_usable(self, source: File) -> None:
        try:
            first = source.start()
            if first:
                self.choose_parser(source, first[0].text)
        except StreamError as error:
            raise UsageError(error.message, error.hint) from error
        finally:
            source.reset()

    def _pieces(self) -> Iterator[list[Record | Problem]]:
        position = 0
        for source in self.sources:
            parser: Parser | None = None
            label = source.label
            for lines in source.lines():
                if not lines:
                    yield []
                    continue
                if parser is None:
                    parser = self.choose_parser(source, lines[0].text)
                for start in range(0, len(lines), MOST_PIECES):
                    part = lines[start : start + MOST_PIECES]
                    yield pieces_of(part, parser, position, label, self.odd_blanks)
                    position += len(part)


@dataclass(slots=True)
class OddBlanks:
    """The plain keys that were read and have white space that is seldom meant."""

    count: int = 0
    first: Origin | None = None

    def add(self, origin: Origin) -> None:
        """Count a key."""
        self.count += 1
        self.first = self.first or origin


def pieces_of(
    part: Sequence[Line], parser: Parser, position: int, label: str, odd_blanks: OddBlanks
) -> list[Record | Problem]:
    """Return a record or a problem for each line. The first line is at `position`."""
    if isinstance(part, Block) and isinstance(parser, TableParser):
        return _rows(part, parser, position, label, odd_blanks)
    if isinstance(part, Lines) and isinstance(parser, CommonLines):
        common = parser.parse_all(part.texts)
        if common is not None:
            return _plain_records(position, label, count(part.first), *common)
    return [
        _piece(line, parser, place, label, odd_blanks) for place, line in enumerate(part, position)
    ]


def _plain_records(
    position: int,
    label: str,
    numbers: Iterable[int],
    keys: Iterable[str],
    bodies: Iterable[bytes],
) -> list[Record | Problem]:
    """Create records without an entity. map() does so without Python bytecode per record."""
    identities = map(Identity, repeat(None), keys)
    return list(map(Record, count(position), repeat(label), numbers, identities, bodies))


def _rows(
    block: Block, parser: TableParser, position: int, label: str, odd_blanks: OddBlanks
) -> list[Record | Problem]:
    """Return a record or a problem for each row of a block, whose cells are already split."""
    if parser.common is None:
        return [
            _row(block, place, parser, position, label, odd_blanks) for place in range(len(block))
        ]
    keys, bodies, others = parser.common(block.cells)
    pieces = _plain_records(position, label, block.numbers, keys, bodies)
    for place in others:
        pieces[place] = _row(block, place, parser, position, label, odd_blanks)
    return pieces


def _row(
    block: Block,
    place: int,
    parser: TableParser,
    position: int,
    label: str,
    odd_blanks: OddBlanks,
) -> Record | Problem:
    parsed = parser.of_cells(block.cells[place])
    position += place
    if isinstance(parsed, Rejected):
        line = block[place]
        return _problem(parsed, position, Origin(label, line.number), line.text)
    number = block.numbers[place]
    if parsed.has_odd_blanks:
        odd_blanks.add(Origin(label, number))
    return Record(position, label, number, parsed.identity, parsed.body, parsed.expires_at)


def _piece(
    line: Line, parser: Parser, position: int, label: str, odd_blanks: OddBlanks
) -> Record | Problem:
    number = line.number
    if line.cut:
        message = f"longer than {MAX_LINE_BYTES:,} bytes: no valid record is that long"
        origin = Origin(label, number)
        return Problem(position, origin, None, codes.MAX_SIZE, message, line.text, readable=False)
    parsed = parser(line.text)
    if isinstance(parsed, Parsed):
        if parsed.has_odd_blanks:
            odd_blanks.add(Origin(label, number))
        return Record(position, label, number, parsed.identity, parsed.body, parsed.expires_at)
    return _problem(parsed, position, Origin(label, number), line.text)


def _problem(parsed: Rejected, position: int, origin: Origin, text: bytes) -> Problem:
    code, message, cause = parsed.breach
    raw = text if parsed.record is None else parsed.record
    return Problem(position, origin, parsed.identity, code, message, raw, parsed.readable, cause)
