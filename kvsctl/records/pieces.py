"""Make records and problems of the lines, elements or rows of one source, in order."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from kvsctl import codes
from kvsctl.model import Cause, Origin, PieceList, Problem, Record
from kvsctl.records.cutting.lines import MAX_LINE_BYTES, Line, Lines
from kvsctl.records.cutting.unfinished import Document, Place, start_of_document
from kvsctl.records.parsed import BlockParser, Columns, Parsed, Parser, Rejected, TableParser
from kvsctl.slabs import Slab

if TYPE_CHECKING:
    from kvsctl.records.cutting.csv_blocks import Block

_Piece: TypeAlias = tuple[Line, Record | Problem]
_BRACKETS: Final = frozenset((b"{", b"["))


class OddBlanks(msgspec.Struct):
    """The plain keys that were read and have white space that is seldom meant."""

    count: int = 0
    first: Origin | None = None

    def add(self, origin: Origin) -> None:
        """Count a key."""
        self.count += 1
        self.first = self.first or origin


class Pieces(msgspec.Struct):
    """The records and problems of the source `label`.

    `position` is the position of the next line. `are_lines`: a JSON document over several lines may
    stand among the pieces; its lines become problems. `are_keys`: the other lines are plain keys.
    """

    label: str
    parser: Parser
    position: int
    odd_blanks: OddBlanks
    are_lines: bool = False
    are_keys: bool = False
    _document: Document | None = None
    _document_line: int = 0
    _kept: list[_Piece] = msgspec.field(default_factory=list)
    """The lines of what may be a document, from its first on, until that is certain."""

    @property
    def kept_count(self) -> int:
        """How many lines were taken and did not give a record or problem yet."""
        return len(self._kept)

    def take(self, lines: Sequence[Line]) -> PieceList:
        """Return a record or a problem for each line, in order. A few may be kept for later."""
        if not lines:
            return []
        made, are_common = self._made(lines)
        self.position += len(made)
        # No common line starts a document, but it may stand in one.
        may_start = self.are_lines and not are_common and self._may_start_document(made, lines)
        if self._document is None and not may_start:
            return made
        found: list[Record | Problem] = []
        for pair in zip(lines, made, strict=True):
            self._follow(pair, found)
        return found

    def finish(self) -> list[Record | Problem]:
        """Return a record or a problem for each line that was kept, at the end of the source."""
        found: list[Record | Problem] = []
        while self._kept:
            self._end_without_document(found)
        return found

    def _made(self, lines: Sequence[Line]) -> tuple[PieceList, bool]:
        """Return what each line alone gives, and whether all of them are common."""
        if isinstance(self.parser, TableParser):
            from kvsctl.records.cutting.csv_blocks import Block

            if isinstance(lines, Block):
                return self._rows(lines, self.parser), True
        if not isinstance(self.parser, BlockParser):
            return [self._piece(line, at) for at, line in enumerate(lines, self.position)], False
        numbers: Sequence[int]
        if isinstance(lines, Lines):
            columns = self.parser.read_many(lines.texts)
            numbers = lines.numbers
        else:
            # A line that was too long is read as an empty one, which is never a record.
            columns = self.parser.read_many([b"" if line.cut else line.text for line in lines])
            numbers = [line.number for line in lines]
        made = self._joined(
            columns, numbers, lambda place: self._piece(lines[place], self.position + place)
        )
        return made, not columns.others

    def _may_start_document(self, made: PieceList, lines: Sequence[Line]) -> bool:
        if not isinstance(made, Slab) and Problem in set(map(type, made)):
            return True
        # Without checks, a bracket is a key like others.
        if not self.are_keys:
            return False
        texts = lines.texts if isinstance(lines, Lines) else [line.text for line in lines]
        return not _BRACKETS.isdisjoint([text[:1] for text in texts])

    def _follow(self, pair: _Piece, found: list[Record | Problem]) -> None:
        """Add what a line gives to `found`, unless the line is kept."""
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
        """Give out the lines that were kept, as there is no document, or none that is closed."""
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
        self,
        columns: Columns,
        numbers: Sequence[int],
        careful: Callable[[int], Record | Problem],
    ) -> PieceList:
        """Return the records of columns, with what `careful` makes of the others.

        The result is a slab if all are records.
        """
        others = {place: careful(place) for place in columns.others}
        problems = {place: one for place, one in others.items() if isinstance(one, Problem)}
        records = {place: one for place, one in others.items() if isinstance(one, Record)}
        if records:
            columns = _with_records(columns, records)
        keys, bodies, _, entities, expiries, names = columns
        slab = Slab(self.position, self.label, numbers, keys, bodies, entities, expiries, names)
        if not problems:
            return slab
        pieces: list[Record | Problem] = [*slab]
        for place, problem in problems.items():
            pieces[place] = problem
        return pieces

    def _rows(self, block: "Block", parser: TableParser) -> PieceList:
        """Return a record or a problem for each row of a block, whose cells are already split."""
        columns = parser.read_many(block.cells)
        return self._joined(columns, block.numbers, lambda place: self._row(block, place, parser))

    def _row(self, block: "Block", place: int, parser: TableParser) -> Record | Problem:
        parsed = parser.of_cells(block.cells[place])
        position = self.position + place
        if isinstance(parsed, Rejected):
            line = block[place]
            return _problem(parsed, position, Origin(self.label, line.number), line.text)
        return self._record(parsed, position, block.numbers[place])

    def _piece(self, line: Line, position: int) -> Record | Problem:
        if line.cut:
            message = f"longer than {MAX_LINE_BYTES:,} bytes: no valid record is that long"
            origin = Origin(self.label, line.number)
            text = line.text
            cause = Cause.NUL if self.are_keys and b"\0" in text else None
            return Problem(
                position, origin, None, codes.MAX_SIZE, message, text, readable=False, cause=cause
            )
        parsed = self.parser(line.text)
        if isinstance(parsed, Parsed):
            return self._record(parsed, position, line.number)
        return _problem(parsed, position, Origin(self.label, line.number), line.text)

    def _record(self, parsed: Parsed, position: int, number: int) -> Record:
        if parsed.has_odd_blanks:
            self.odd_blanks.add(Origin(self.label, number))
        return Record(position, self.label, number, parsed.identity, parsed.body, parsed.expires_at)


def _with_records(columns: Columns, records: Mapping[int, Record]) -> Columns:
    """Return the columns with these records at their indexes."""
    keys, bodies = list(columns.keys), list(columns.bodies)
    entities = list(columns.entities or [None] * len(keys))
    expiries = list(columns.expiries or [None] * len(keys))
    for place, record in records.items():
        keys[place], bodies[place] = record.identity.key, record.body
        entities[place], expiries[place] = record.identity.entity, record.expires_at
    return Columns(keys, bodies, columns.others, entities, expiries)


def _problem(parsed: Rejected, position: int, origin: Origin, text: bytes) -> Problem:
    code, message, cause = parsed.breach
    raw = text if parsed.record is None else parsed.record
    return Problem(position, origin, parsed.identity, code, message, raw, parsed.readable, cause)
