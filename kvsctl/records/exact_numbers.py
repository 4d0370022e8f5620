"""Parsers that also reject records whose numbers JavaScript would change."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from kvsctl.jsonequal import may_change_in_javascript
from kvsctl.jsontext import string
from kvsctl.records.checks import check_numbers
from kvsctl.records.parsed import (
    BlockParser,
    Columns,
    Parsed,
    Parser,
    ReadMany,
    Rejected,
    TableParser,
)
from kvsctl.records.reader import ParserChoice

_Piece = TypeVar("_Piece")


def with_exact_numbers(choose: ParserChoice) -> ParserChoice:
    """Return a choice of the same parsers of records to set, which also check numbers."""
    return lambda source: exact_parser(choose(source))


def exact_parser(parser: Parser) -> Parser:
    """Return the same parser of records to set, which also checks numbers.

    Where many pieces are read at once, those with a number that may change are left to the careful
    parser.
    """
    if isinstance(parser, BlockParser):
        return BlockParser(_checked(parser.careful), _declining(parser.read_many))
    if isinstance(parser, TableParser):
        of_cells = _checked(parser.of_cells)
        return TableParser(parser.cells, of_cells, _declining_rows(parser))
    return _checked(parser)


def _checked(parse: Callable[[_Piece], Parsed | Rejected]) -> Callable[[_Piece], Parsed | Rejected]:
    def parse_exactly(piece: _Piece) -> Parsed | Rejected:
        parsed = parse(piece)
        if isinstance(parsed, Rejected) or (breach := check_numbers(parsed.body)) is None:
            return parsed
        return Rejected(breach, parsed.identity, record=_as_given(parsed))

    return parse_exactly


def _as_given(parsed: Parsed) -> bytes:
    """Return the JSON of a record with its expiry, which its body does not have."""
    if parsed.expires_at is None:
        return parsed.body
    return b'%b,"expireTime":%b}' % (parsed.body[:-1], string(parsed.expires_at.isoformat()))


def _declining(read_many: ReadMany) -> ReadMany:
    return lambda pieces: _without_doubtful(read_many(pieces))


def _declining_rows(parser: TableParser) -> Callable[[Sequence[list[str]]], Columns]:
    return lambda rows: _without_doubtful(parser.read_many(rows))


def _without_doubtful(columns: Columns) -> Columns:
    """Return the same columns, with records whose numbers may change added to `others`."""
    doubtful = {
        place for place, body in enumerate(columns.bodies) if may_change_in_javascript(body)
    }
    if not doubtful:
        return columns
    return columns._replace(others=sorted(doubtful.union(columns.others)))
