"""Make records and problems of the lines, elements or rows of one source, in order."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from kvsctl import codes
from kvsctl.model import Cause, Origin, PieceList, Problem, Record, Slab
from kvsctl.records.cutting.csv_blocks import Block
from kvsctl.records.cutting.lines import MAX_LINE_BYTES, Line, Lines
from kvsctl.records.cutting.unfinished import Document, Place, start_of_document
from kvsctl.records.fast.lines import CommonLines
from kvsctl.records.parsed import Parsed, Parser, Rejected, TableParser


@dataclass(slots=True)
class OddBlanks:
    """The plain keys that were read and have white space that is seldom meant."""

    count: int = 0
    first: Origin | None = None

    def add(self, origin: Origin) -> None:
        """Count a key."""
        self.count += 1
        self.first = self.first or origin


@dataclass(slots=True)
class Pieces:
    """The records and problems of the source `label`.

    `position` is the position of the next one. `are_lines`: a JSON document over several lines may
    stand among the pieces; its lines become problems. `are_keys`: the other lines are plain keys.
    """

    label: str
    parser: Parser
    position: int
    odd_blanks: OddBlanks
    are_lines: bool = False
    are_keys: bool = False
    _document: Document | None = field(default=None, init=False)
    _document_line: int = field(default=0, init=False)
    _kept: list[Line] = field(default_factory=list, init=False)
    """The first line of the document, and those after it, until it is certain that it is one."""
    _kept_start: Record | Problem | None = field(default=None, init=False)
    """What the first of these is if there is no document."""

    @property
    def kept_count(self) -> int:
        """How many lines were taken and did not give a record or problem yet."""
        return len(self._kept)

    def take(self, lines: Sequence[Line]) -> PieceList:
        """Return a record or a problem for each line, in order. A few may be kept for later."""
        quick = self._quickly(lines) if self._document is None else None
        if quick is not None:
            self.position += len(quick)
            return quick
        found: list[Record | Problem] = []
        for line in lines:
            self._add(line, found)
        self.position += len(found)
        return found

    def finish(self) -> list[Record | Problem]:
        """Return a record or a problem for each line that was kept, at the end of the source."""
        found: list[Record | Problem] = []
        while self._kept:
            self._end_without_document(found)
        self.position += len(found)
        return found

    def _quickly(self, lines: Sequence[Line]) -> PieceList | None:
        """Return what each line alone gives, sooner, or None. No common line starts a document."""
        if isinstance(lines, Block) and isinstance(self.parser, TableParser):
            return self._rows(lines, self.parser)
        if isinstance(lines, Lines) and isinstance(self.parser, CommonLines):
            common = self.parser.parse_all(lines.texts)
            if common is not None:
                return self._common(lines.numbers, *common)
        return None

    def _add(self, line: Line, found: list[Record | Problem]) -> None:
        if self._document is not None:
            self._add_to_document(line, self._document, found)
            return
        piece = self._piece(line, self.position + len(found))
        if (
            self.are_lines
            and (self.are_keys or (isinstance(piece, Problem) and not piece.readable))
            and not line.cut
        ):
            self._document = start_of_document(line.text, has_keys=self.are_keys)
            if self._document is not None:
                self._document_line = line.number
                self._kept, self._kept_start = [line], piece
                return
        found.append(piece)

    def _add_to_document(
        self, line: Line, document: Document, found: list[Record | Problem]
    ) -> None:
        place = Place.INSIDE if line.cut else document.place_of(line.text)
        if place is Place.OUTSIDE:
            self._end_without_document(found)
            self._add(line, found)
            return
        self._kept.append(line)
        if place is Place.UNDECIDED:
            return
        kept, self._kept, self._kept_start = self._kept, [], None
        for one in kept:
            found.append(self._part_of_document(one, self.position + len(found)))
        if place is Place.LAST:
            self._document = None

    def _end_without_document(self, found: list[Record | Problem]) -> None:
        """Read the lines that were kept as records. If none were, the document ends unclosed."""
        kept, start = self._kept, self._kept_start
        self._document, self._kept, self._kept_start = None, [], None
        if start is not None:
            found.append(start)
        for line in kept[1:]:
            self._add(line, found)

    def _part_of_document(self, line: Line, position: int) -> Problem:
        if line.number == self._document_line:
            message = "a JSON document over several lines begins here"
        else:
            message = f"part of the JSON document that begins on line {self._document_line}"
        origin = Origin(self.label, line.number)
        return Problem(
            position,
            origin,
            None,
            codes.INVALID_JSON,
            message,
            line.text,
            readable=False,
            cause=Cause.DOCUMENT,
        )

    def _common(self, numbers: Sequence[int], keys: Sequence[str], bodies: Sequence[bytes]) -> Slab:
        """Return records without an entity."""
        return Slab(self.position, self.label, numbers, keys, bodies)

    def _rows(self, block: Block, parser: TableParser) -> PieceList:
        """Return a record or a problem for each row of a block, whose cells are already split."""
        if parser.common is None:
            return [self._row(block, place, parser) for place in range(len(block))]
        keys, bodies, others = parser.common(block.cells)
        records = self._common(block.numbers, keys, bodies)
        if not others:
            return records
        pieces: list[Record | Problem] = [*records]
        for place in others:
            pieces[place] = self._row(block, place, parser)
        return pieces

    def _row(self, block: Block, place: int, parser: TableParser) -> Record | Problem:
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
            return Problem(position, origin, None, codes.MAX_SIZE, message, text, readable=False)
        parsed = self.parser(line.text)
        if isinstance(parsed, Parsed):
            return self._record(parsed, position, line.number)
        return _problem(parsed, position, Origin(self.label, line.number), line.text)

    def _record(self, parsed: Parsed, position: int, number: int) -> Record:
        if parsed.has_odd_blanks:
            self.odd_blanks.add(Origin(self.label, number))
        return Record(position, self.label, number, parsed.identity, parsed.body, parsed.expires_at)


def _problem(parsed: Rejected, position: int, origin: Origin, text: bytes) -> Problem:
    code, message, cause = parsed.breach
    raw = text if parsed.record is None else parsed.record
    return Problem(position, origin, parsed.identity, code, message, raw, parsed.readable, cause)
