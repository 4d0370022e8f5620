"""Lines and rows as records and problems, many at once where that can be."""

from collections.abc import Iterable, Sequence
from itertools import count, repeat

from kvsctl.model import Identity, Origin, Problem, Record
from kvsctl.records.cutting.csv_blocks import Block
from kvsctl.records.cutting.lines import MAX_LINE_BYTES, Line, Lines
from kvsctl.records.fast.lines import CommonLines
from kvsctl.records.parsed import Parsed, Parser, Rejected, TableParser


def pieces_of(
    part: Sequence[Line], parser: Parser, position: int, label: str
) -> list[Record | Problem]:
    """What the lines say, the first of which is at `position` of all inputs."""
    if isinstance(part, Block) and isinstance(parser, TableParser):
        return _rows(part, parser, position, label)
    if isinstance(part, Lines) and isinstance(parser, CommonLines):
        common = parser.parse_all(part.texts)
        if common is not None:
            return _plain_records(position, label, count(part.first), *common)
    return [_piece(line, parser, place, label) for place, line in enumerate(part, position)]


def _plain_records(
    position: int,
    label: str,
    numbers: Iterable[int],
    keys: Iterable[str],
    bodies: Iterable[bytes],
) -> list[Record | Problem]:
    """Records without an entity, made one after the other without a step of Python each."""
    identities = map(Identity, repeat(None), keys)
    return list(map(Record, count(position), repeat(label), numbers, identities, bodies))


def _rows(block: Block, parser: TableParser, position: int, label: str) -> list[Record | Problem]:
    """Rows that were read to cells already."""
    if parser.common is None:
        return [_row(block, place, parser, position, label) for place in range(len(block))]
    keys, bodies, others = parser.common(block.cells)
    pieces = _plain_records(position, label, block.numbers, keys, bodies)
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
    number = block.numbers[place]
    return Record(position, label, number, parsed.identity, parsed.body, parsed.expires_at)


def _piece(line: Line, parser: Parser, position: int, label: str) -> Record | Problem:
    number = line.number
    if line.cut:
        message = f"it is longer than {MAX_LINE_BYTES:,} bytes: no record is"
        origin = Origin(label, number)
        return Problem(position, origin, None, "MAX_SIZE", message, line.text, readable=False)
    parsed = parser(line.text)
    if isinstance(parsed, Parsed):
        return Record(position, label, number, parsed.identity, parsed.body, parsed.expires_at)
    return _problem(parsed, position, Origin(label, number), line.text)


def _problem(parsed: Rejected, position: int, origin: Origin, text: bytes) -> Problem:
    code, message = parsed.breach
    raw = text if parsed.record is None else parsed.record
    return Problem(position, origin, parsed.identity, code, message, raw, parsed.readable)
