"""Lines and rows as records and problems, many at once where that can be."""

from collections.abc import Sequence
from itertools import count, repeat

from kvsctl.model import Identity, Origin, Problem, Record
from kvsctl.records.blocks import Block
from kvsctl.records.common import CommonLines
from kvsctl.records.lines import MAX_LINE_BYTES, Line
from kvsctl.records.parsed import Parsed, Parser, Rejected, TableParser


def pieces_of(
    part: Sequence[Line], parser: Parser, position: int, label: str
) -> list[Record | Problem]:
    """What the lines say, the first of which is at `position` of all inputs."""
    if isinstance(part, Block) and isinstance(parser, TableParser):
        return _rows(part, parser, position, label)
    return _common(part, parser, position, label) or [
        _piece(line, parser, place, label) for place, line in enumerate(part, position)
    ]


def _rows(block: Block, parser: TableParser, position: int, label: str) -> list[Record | Problem]:
    """Rows that were read to cells already."""
    if parser.common is None:
        return [_row(block, place, parser, position, label) for place in range(len(block))]
    keys, bodies, others = parser.common(block.cells)
    origins = map(Origin, repeat(label), block.numbers)
    identities = map(Identity, repeat(None), keys)
    pieces: list[Record | Problem] = []
    pieces += map(Record, count(position), origins, identities, bodies)
    for place in others:
        pieces[place] = _row(block, place, parser, position, label)
    return pieces


def _row(
    block: Block, place: int, parser: TableParser, position: int, label: str
) -> Record | Problem:
    parsed = parser.of_cells(block.cells[place])
    position += place
    if isinstance(parsed, Rejected):
        line = block[place]
        return _problem(parsed, position, Origin(label, line.number), line.text)
    origin = Origin(label, block.numbers[place])
    return Record(position, origin, parsed.identity, parsed.body, parsed.expires_at)


def _common(
    lines: Sequence[Line], parser: Parser, position: int, label: str
) -> list[Record | Problem] | None:
    """The records of lines that can be read all at once, which takes less time."""
    if not isinstance(parser, CommonLines) or True in [line.cut for line in lines]:
        return None
    parsed = parser.parse_all([line.text for line in lines])
    if parsed is None:
        return None
    return [
        Record(place, Origin(label, line.number), one.identity, one.body)
        for place, (line, one) in enumerate(zip(lines, parsed, strict=True), position)
    ]


def _piece(line: Line, parser: Parser, position: int, label: str) -> Record | Problem:
    origin = Origin(label, line.number)
    if line.cut:
        message = f"it is longer than {MAX_LINE_BYTES:,} bytes: no record is"
        return Problem(position, origin, None, "MAX_SIZE", message, line.text, readable=False)
    parsed = parser(line.text)
    if isinstance(parsed, Parsed):
        return Record(position, origin, parsed.identity, parsed.body, parsed.expires_at)
    return _problem(parsed, position, origin, line.text)


def _problem(parsed: Rejected, position: int, origin: Origin, text: bytes) -> Problem:
    code, message = parsed.breach
    raw = text if parsed.record is None else parsed.record
    return Problem(position, origin, parsed.identity, code, message, raw, parsed.readable)
