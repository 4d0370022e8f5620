"""Parse the rows of a table with a header into records."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from kvsctl import codes, jsontext
from kvsctl.model import Identity
from kvsctl.records.checks import Breach, too_deep
from kvsctl.records.fast.rows import key_rows_reader, set_rows_reader
from kvsctl.records.fields import Fields
from kvsctl.records.inferred import ColumnTypes, InferredTypes
from kvsctl.records.invisible import check_raw
from kvsctl.records.parsed import Parsed, Rejected, TableParser
from kvsctl.records.parsing.cells import json_of_cell
from kvsctl.records.parsing.header import Header
from kvsctl.records.parsing.records import plain_key_record, quoted_key_record, set_record
from kvsctl.records.rules import Rules
from kvsctl.records.shapes import KeyTemplate, Shape

_Row: TypeAlias = list[str]
_EMPTY: Final = "the cell {} is empty: the key is made from it"


def table_set_parser(header: Header, rules: Rules, shape: Shape) -> TableParser:
    """Return a parser of rows as records to set.

    Raise UsageError if the header lacks a column that the shape needs.
    """
    key_of = _key_of(header, shape.key_template)
    types = _types_of(header, shape)
    value_of = _value_of(header, shape, types)
    columns = {} if shape.takes_whole else dict(header.columns)
    if shape.value_field is not None:
        columns.pop(shape.value_field)
    entity, ttl, expiry = (_optional(columns, name) for name in ("entityName", "ttl", "expireTime"))

    def careful(given: _Row | Breach) -> Parsed | Rejected:
        cells = header.require_row(given)
        if isinstance(cells, Breach):
            return Rejected(cells, readable=False)
        key, value = key_of(cells), value_of(cells)
        if isinstance(key, Breach):
            return Rejected(key, readable=False)
        if breach := check_raw(key, rules.limits, is_cell=True):
            return Rejected(breach, Identity(rules.entity, key), readable=False)
        if value is None:
            return Rejected(too_deep(rules.limits), Identity(rules.entity, key), readable=False)
        return set_record(Fields(key, value, entity(cells), ttl(cells), expiry(cells)), rules)

    read_many = set_rows_reader(header.names, rules, shape, types)
    return TableParser(header.read, careful, read_many, types)


def table_key_parser(header: Header, rules: Rules, shape: Shape) -> TableParser:
    """Return a parser of rows as keys.

    It reads the columns that make the key, and `entityName` if the rows are records. Other columns
    are ignored. A cell that is a key, and begins with a quote, is a JSON string. Raise UsageError
    if the header lacks a column that makes the key.
    """
    key_of = _key_of(header, shape.key_template)
    entity = _optional(header.columns if shape.is_record else {}, "entityName")

    def of_cells(given: _Row | Breach) -> Parsed | Rejected:
        cells = header.require_row(given)
        key = cells if isinstance(cells, Breach) else key_of(cells)
        if isinstance(key, Breach):
            return Rejected(key, readable=False)
        assert isinstance(cells, list)  # noqa: S101
        if shape.key_template.is_bare and key.startswith('"'):
            return quoted_key_record(key.encode(), entity(cells) or rules.entity, rules.limits)
        identity = Identity(entity(cells) or rules.entity, key)
        return plain_key_record(identity, rules.limits, is_cell=True)

    return TableParser(header.read, of_cells, key_rows_reader(header.names, rules, shape))


def _optional(columns: Mapping[str, int], name: str) -> Callable[[_Row], str | None]:
    if name not in columns:
        return lambda _: None
    column = columns[name]
    return lambda cells: cells[column] or None


def _key_of(header: Header, template: KeyTemplate) -> Callable[[_Row], str | Breach]:
    columns = [header.require(name, "--key-field or --key") for name in template.members]
    if template.is_bare:
        column = columns[0]
        return lambda cells: cells[column]

    def fill(cells: _Row) -> str | Breach:
        texts = [cells[column] for column in columns]
        if "" in texts:
            empty = jsontext.quoted(template.members[texts.index("")])
            return Breach(codes.EMPTY_KEY, _EMPTY.format(empty))
        return template.fill(texts)

    return fill


def _types_of(header: Header, shape: Shape) -> InferredTypes | None:
    """Return a place to note the types of cells; None if all cells are strings."""
    if not shape.infer_types:
        return None
    for name in sorted(shape.typed_columns or ()):
        header.require(name, "--infer-types=NAME")
    names = header.names if shape.takes_whole else [shape.value_field or "value"]
    parsed = {name for name in names if shape.infers(name)}
    is_named = shape.typed_columns is not None
    return InferredTypes(
        ColumnTypes(name, is_named) if name in parsed else None for name in header.names
    )


def _value_of(
    header: Header, shape: Shape, types: InferredTypes | None
) -> Callable[[_Row], bytes | None]:
    """Return a function from a row to its value. It returns None if a cell nests too deep."""

    def encode(cells: _Row, column: int) -> bytes | None:
        inferred = None if types is None else types.columns[column]
        if inferred is None:
            return jsontext.string(cells[column])
        text = json_of_cell(cells[column])
        if text is not None:
            inferred.saw((text,))
        return text

    if not shape.takes_whole:
        if shape.is_record:
            header.require_known()
        column = header.require(shape.value_field or "value", "--value-field")
        return lambda cells: encode(cells, column)
    names = [jsontext.string(name) for name in header.names]

    def whole(cells: _Row) -> bytes | None:
        members = []
        for column, name in enumerate(names):
            text = encode(cells, column)
            if text is None:
                return None
            members.append(b"%b:%b" % (name, text))
        return b"{%b}" % b",".join(members)

    return whole
