"""Which parser reads the pieces of a source, by the form that was found of it."""

from kvsctl.records.formats import Format
from kvsctl.records.parsed import Parser
from kvsctl.records.parsing.header import Header
from kvsctl.records.parsing.objects import shaped_key_parser, shaped_set_parser
from kvsctl.records.parsing.records import (
    Rules,
    key_line_parser,
    key_object_parser,
    set_argument_parser,
    set_line_parser,
)
from kvsctl.records.parsing.tables import table_key_parser, table_set_parser
from kvsctl.records.reader import ParserChoice
from kvsctl.records.shapes import RECORDS, Shape
from kvsctl.records.sources import Arguments, File, Source


def set_parsers(rules: Rules, shape: Shape = RECORDS, *, string: bool) -> ParserChoice:
    """Pairs for arguments, records of this shape for the rest.

    `string`: values of pairs are never JSON. Choosing raises UsageError for a table whose header
    lacks what the shape needs.
    """
    pairs = set_argument_parser(rules, string=string)
    objects = set_line_parser(rules) if shape.is_record else shaped_set_parser(rules, shape)

    def choose(source: Source, first: bytes) -> Parser:
        del first
        if isinstance(source, Arguments):
            return pairs
        header = _header(source)
        return objects if header is None else table_set_parser(header, rules, shape)

    return choose


def key_parsers(rules: Rules, shape: Shape = RECORDS) -> ParserChoice:
    """Plain keys for arguments and files of keys, objects and JSON strings for the rest.

    Of objects and rows, only what says whose record they are is read. Choosing raises as for set.
    """
    keys = key_line_parser(rules)
    objects = key_object_parser(rules) if shape.key is None else shaped_key_parser(rules, shape)

    def choose(source: Source, first: bytes) -> Parser:
        del first
        if not isinstance(source, File) or source.format is Format.KEYS:
            return keys
        header = _header(source)
        return objects if header is None else table_key_parser(header, rules, shape)

    return choose


def _header(source: Source) -> Header | None:
    return source.header if isinstance(source, File) else None
