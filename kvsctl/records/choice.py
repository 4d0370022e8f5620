"""Which parser reads the pieces of a source, by the form that was found of it."""

from kvsctl.records.formats import Format
from kvsctl.records.parsed import Parser
from kvsctl.records.parsers import (
    Rules,
    key_line_parser,
    key_object_parser,
    set_argument_parser,
    set_line_parser,
)
from kvsctl.records.reader import ParserChoice
from kvsctl.records.sources import Arguments, File, Source


def set_parsers(rules: Rules, *, string: bool) -> ParserChoice:
    """Pairs for arguments, records for the rest. `string`: values of pairs are never JSON."""
    pairs, lines = set_argument_parser(rules, string=string), set_line_parser(rules)

    def choose(source: Source, first: bytes) -> Parser:
        del first
        return pairs if isinstance(source, Arguments) else lines

    return choose


def key_parsers(rules: Rules) -> ParserChoice:
    """Plain keys for arguments and files of keys, objects and JSON strings for the rest."""
    keys, objects = key_line_parser(rules), key_object_parser(rules)

    def choose(source: Source, first: bytes) -> Parser:
        del first
        plain = not isinstance(source, File) or source.format is Format.KEYS
        return keys if plain else objects

    return choose
