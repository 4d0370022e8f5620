"""Choose the parser for the pieces of a source, by the source's format."""

from typing import TYPE_CHECKING

from kvsctl.errors import UsageError
from kvsctl.records.formats import Format
from kvsctl.records.parsed import Parser
from kvsctl.records.parsing.records import (
    key_argument_parser,
    key_line_parser,
    key_object_parser,
    set_argument_parser,
    set_line_parser,
)
from kvsctl.records.reader import ParserChoice
from kvsctl.records.rules import Rules
from kvsctl.records.shapes import RECORDS, Shape
from kvsctl.records.sources import Arguments, File, Source

if TYPE_CHECKING:
    # The modules for tables and other shapes are imported only for such inputs.
    from kvsctl.records.parsing.header import Header


def set_parsers(rules: Rules, shape: Shape = RECORDS, *, string: bool) -> ParserChoice:
    """Return the parsers for set: `KEY=VALUE` for arguments, records of `shape` for other sources.

    If `string` is True, the VALUE of an argument is always a string, never JSON. The returned
    function raises UsageError if the header of a table lacks a column that the shape needs, or if
    the shape names columns to parse and the source is not a table.
    """
    pairs = set_argument_parser(rules, string=string)
    if shape.is_record:
        objects = set_line_parser(rules)
    else:
        from kvsctl.records.parsing.objects import shaped_set_parser

        objects = shaped_set_parser(rules, shape)

    def choose(source: Source) -> Parser:
        if isinstance(source, Arguments):
            return pairs
        header = _header(source)
        if header is None:
            _require_no_columns(source, shape)
            return objects
        from kvsctl.records.parsing.tables import table_set_parser

        return table_set_parser(header, rules, shape)

    return choose


def key_parsers(rules: Rules, shape: Shape = RECORDS) -> ParserChoice:
    """Return the parsers for get and delete.

    Arguments and files of keys hold plain keys; other sources hold objects, JSON strings or rows.
    Of objects and rows, only the parts that identify a record are read. The returned function
    raises UsageError like that of `set_parsers`.
    """
    arguments = key_argument_parser(rules)
    keys = key_line_parser(rules)
    keys_before_nul = key_line_parser(rules, ends_in_nul=True)
    if shape.key is None:
        objects = key_object_parser(rules)
    else:
        from kvsctl.records.parsing.objects import shaped_key_parser

        objects = shaped_key_parser(rules, shape)

    def choose(source: Source) -> Parser:
        if not isinstance(source, File):
            return arguments
        if source.format is Format.KEYS:
            return keys_before_nul if source.end == b"\0" else keys
        header = _header(source)
        if header is None:
            return objects
        from kvsctl.records.parsing.tables import table_key_parser

        return table_key_parser(header, rules, shape)

    return choose


def _header(source: Source) -> "Header | None":
    return source.header if isinstance(source, File) else None


def _require_no_columns(source: Source, shape: Shape) -> None:
    """Raise UsageError if the shape names columns to parse, and a source has objects, not rows."""
    found = source.format
    if shape.typed_columns is not None and found is not None and not found.is_table:
        raise UsageError(
            f"--infer-types={','.join(sorted(shape.typed_columns))}: {source.label} is "
            f"{found.value}, not a table",
            "Its values have types already: leave --infer-types out, or give it tables only.",
        )
