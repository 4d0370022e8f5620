"""Make records and problems from the lines, elements or rows of one source, in order."""

from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from kvsctl import codes
from kvsctl.model import Cause, Origin, PieceList, Problem, Record
from kvsctl.records.cutting.lines import MAX_LINE_BYTES, Line, Lines
from kvsctl.records.cutting.unfinished import Document, Place, possible_starts, start_of_document
from kvsctl.records.parsed import BlockParser, Columns, Parsed, Parser, Rejected, TableParser
from kvsctl.slabs import Slab

if TYPE_CHECKING:
    from kvsctl.records.cutting.csv_blocks import Block

_Piece: TypeAlias = tuple[Line, Record | Problem]
_BRACKETS: Final = frozenset((b"{", b"["))
_SAMPLE: Final = 16
"""How many lines of a block are tried, after a block without a common line."""


class OddBlanks(msgspec.Struct):
    """The plain keys that were read with white space that is seldom intended."""

    count: int = 0
    first: Origin | None = None

    def add(self, origin: Origin) -> None:
        """Count a key."""
        self.count += 1
        self.first = self.first or origin


class Pieces(msgspec.Struct):
    """The records and problems of the source `label`.

    `position` is the position of the next line. `are_lines`: a JSON document over several lines may
    be among the pieces; its lines become problems. `are_keys`: the other lines are plain keys.
    """

    label: str
    parser: Parser
    position: int
    odd_blanks: OddBlanks
    are_lines: bool = False
    are_keys: bool = False
    _none_was_common: bool = False
    _document: Document | None = None
    _document_line: int = 0
    _kept: list[_Piece] = msgspec.field(default_factory=list)
    """The lines of a possible document, from its first on, until it is certain."""

    @property
    def kept_count(self) -> int:
        """How many lines were taken and did not give a record or problem yet."""
        return len(self._kept)

    def take(self, lines: Sequence[Line]) -> PieceList:
        """Return a record or a problem for each line, in order. A few may be kept for later."""
        if not lines:
            return []
        if isinstance(self.parser, TableParser):
            made = self._rows(lines, self.parser)
            self.position += len(made)
            return made
        texts = _texts_of(lines)
        made, odd = self._made(lines, texts)
        self.position += len(made)
        # No common line starts a document, but it may be inside one.
        starts = self._possible_starts(made, texts, odd) if self.are_lines and odd else ()
        if self._document is None and not starts:
            return made
        found: list[Record | Problem] = []
        for place, piece in enumerate(made):
            if self._document is None and place not in starts:
                found.append(piece)
            else:
                self._follow((lines[place], piece), found)
        return found

    def finish(self) -> list[Record | Problem]:
        """Return a record or a problem for each line that was kept, at the end of the source."""
        found: list[Record | Problem] = []
        while self._kept:
            self._end_without_document(found)
        return found

    def _made(
        self, lines: Sequence[Line], texts: Sequence[bytes]
    ) -> tuple[PieceList, Sequence[int]]:
        """Return the piece of each line by itself, and the indexes of uncommon lines."""
        parser = self.parser
        columns = self._columns(texts)
        numbers: Sequence[int]
        if isinstance(lines, Lines):
            numbers, first = lines.numbers, self.position
            parse = parser.careful if isinstance(parser, BlockParser) else parser
            others = {
                place: self._piece(parse(texts[place]), texts[place], numbers[place], first + place)
                for place in columns.others
            }
        else:
            numbers = [line.number for line in lines]
            others = {
                place: self._line(lines[place], self.position + place) for place in columns.others
            }
        return self._joined(columns, numbers, others), columns.others

    def _columns(self, texts: Sequence[bytes]) -> Columns:
        """Return the records of common lines. After a block without any, try a sample first."""
        parser = self.parser
        if not isinstance(parser, BlockParser):
            return _none_common(len(texts))
        if self._none_was_common:
            sample = texts[:: -(-len(texts) // _SAMPLE)]
            if len(parser.read_many(sample).others) == len(sample):
                return _none_common(len(texts))
        columns = parser.read_many(texts)
        self._none_was_common = len(columns.others) == len(texts)
        return columns

    def _possible_starts(
        self, made: PieceList, texts: Sequence[bytes], odd: Sequence[int]
    ) -> Container[int]:
        """Return which of the odd lines may start a document."""
        has_problem = not isinstance(made, Slab)
        if self.are_keys:
            # Without checks, a bracket is a key like any other.
            if not has_problem and _BRACKETS.isdisjoint([texts[place][:1] for place in odd]):
                return ()
            places = odd
        elif has_problem:
            places = [
                place
                for place in odd
                if isinstance(piece := made[place], Problem) and not piece.readable
            ]
        else:
            return ()
        starts = possible_starts([texts[place] for place in places])
        return frozenset(places[start] for start in starts)

    def _follow(self, pair: _Piece, found: list[Record | Problem]) -> None:
        """Add the piece of a line to `found`, unless the line is kept."""
        line, piece = pair
        if self._document is None:
            self._document = self._document_of(line, piece)
            if self._document is None:
                found.append(piece)
            else:
                self._document_line = line.number
                self._kept.append(pair)
            return
        place = self._document.place_of(b"" if line.cut else line.text)
        if place is Place.OUTSIDE:
            self._end_without_document(found)
            self._follow(pair, found)
            return
        self._kept.append(pair)
        if place is not Place.UNDECIDED:
            found += [self._part_of_document(*one) for one in self._kept]
            self._kept = []
        if place is Place.LAST:
            self._document = None

    def _document_of(self, line: Line, piece: Record | Problem) -> Document | None:
        is_record = isinstance(piece, Record) or piece.readable
        if line.cut or (is_record and not self.are_keys):
            return None
        return start_of_document(line.text, has_keys=self.are_keys)

    def _end_without_document(self, found: list[Record | Problem]) -> None:
        """Add the kept lines to `found`, because there is no document, or it is not closed."""
        kept, self._kept, self._document = self._kept, [], None
        found += [piece for _, piece in kept[:1]]
        for pair in kept[1:]:
            self._follow(pair, found)

    def _part_of_document(self, line: Line, piece: Record | Problem) -> Problem:
        if line.number == self._document_line:
            message = "a JSON document over several lines begins here"
        else:
            message = f"part of the JSON document that begins on line {self._document_line}"
        return Problem(
            piece.position,
            Origin(self.label, line.number),
            None,
            codes.INVALID_JSON,
            message,
            line.text,
            readable=False,
            cause=Cause.DOCUMENT,
        )

    def _joined(
        self, columns: Columns, numbers: Sequence[int], others: Mapping[int, Record | Problem]
    ) -> PieceList:
        """Return the records of columns, and the others at their indexes.

        The result is a slab if all are records.
        """
        problems = {place: one for place, one in others.items() if isinstance(one, Problem)}
        if len(problems) == len(columns.keys):
            return [*problems.values()]
        if len(problems) < len(others):
            records = {place: one for place, one in others.items() if isinstance(one, Record)}
            columns = _with_records(columns, records)
        keys, bodies, _, entities, expiries, names = columns
        slab = Slab(self.position, self.label, numbers, keys, bodies, entities, expiries, names)
        if not problems:
            return slab
        pieces: list[Record | Problem] = [*slab]
        for place, problem in problems.items():
            pieces[place] = problem
        return pieces

    def _rows(self, lines: Sequence[Line], parser: TableParser) -> PieceList:
        """Return a record or a problem for each row."""
        from kvsctl.records.cutting.csv_blocks import Block

        if not isinstance(lines, Block):
            return [
                self._row_alone(line, at, parser) for at, line in enumerate(lines, self.position)
            ]
        columns = parser.read_many(lines.cells)
        if parser.types is not None:
            parser.types.locate(self.label, lines.numbers)
        others = {place: self._row(lines, place, parser) for place in columns.others}
        return self._joined(columns, lines.numbers, others)

    def _row(self, block: "Block", place: int, parser: TableParser) -> Record | Problem:
        parsed = parser.of_cells(block.cells[place])
        if parser.types is not None:
            parser.types.locate(self.label, (block.numbers[place],))
        position = self.position + place
        if isinstance(parsed, Rejected):
            line = block[place]
            return parsed.problem(position, Origin(self.label, line.number), line.text)
        return self._record(parsed, position, block.numbers[place])

    def _row_alone(self, line: Line, position: int, parser: TableParser) -> Record | Problem:
        piece = self._line(line, position)
        if parser.types is not None:
            parser.types.locate(self.label, (line.number,))
        return piece

    def _line(self, line: Line, position: int) -> Record | Problem:
        if not line.cut:
            return self._piece(self.parser(line.text), line.text, line.number, position)
        message = f"longer than {MAX_LINE_BYTES:,} bytes: no valid record is that long"
        origin = Origin(self.label, line.number)
        text = line.text
        cause = Cause.NUL if self.are_keys and b"\0" in text else None
        return Problem(
            position, origin, None, codes.MAX_SIZE, message, text, readable=False, cause=cause
        )

    def _piece(
        self, parsed: Parsed | Rejected, text: bytes, number: int, position: int
    ) -> Record | Problem:
        if isinstance(parsed, Parsed):
            return self._record(parsed, position, number)
        return parsed.problem(position, Origin(self.label, number), text)

    def _record(self, parsed: Parsed, position: int, number: int) -> Record:
        if parsed.has_odd_blanks:
            self.odd_blanks.add(Origin(self.label, number))
        return Record(position, self.label, number, parsed.identity, parsed.body, parsed.expires_at)


def _none_common(count: int) -> Columns:
    """Return the columns of `count` uncommon lines."""
    return Columns([""] * count, [b""] * count, range(count))


def _with_records(columns: Columns, records: Mapping[int, Record]) -> Columns:
    """Return the columns with these records at their indexes."""
    keys, bodies = list(columns.keys), list(columns.bodies)
    entities = list(columns.entities or [None] * len(keys))
    expiries = list(columns.expiries or [None] * len(keys))
    for place, record in records.items():
        keys[place], bodies[place] = record.identity.key, record.body
        entities[place], expiries[place] = record.identity.entity, record.expires_at
    return Columns(keys, bodies, columns.others, entities, expiries)


def _texts_of(lines: Sequence[Line]) -> Sequence[bytes]:
    """Return the texts of lines. A line that was too long becomes empty, which is not a record."""
    if isinstance(lines, Lines):
        return lines.texts
    return [b"" if line.cut else line.text for line in lines]
