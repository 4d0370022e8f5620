"""Read many rows of a table at once, as records or as keys."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from typing import Final

import msgspec

from kvsctl.jsontext import depth_exceeds, is_value, too_deep
from kvsctl.records.fast.columns import filled, key_columns, set_columns
from kvsctl.records.fast.extras import (
    default_entities,
    default_extras,
    entities_of_cells,
    extras_of_cells,
)
from kvsctl.records.inferred import ColumnTypes, InferredTypes
from kvsctl.records.parsed import Cells, Columns
from kvsctl.records.rules import Rules
from kvsctl.records.shapes import KeyTemplate, Shape

_SCALAR: Final = r"(?:-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null)"
_is_scalar: Final = re.compile(_SCALAR).fullmatch
_are_scalars: Final = re.compile(rf"{_SCALAR}(?:\n{_SCALAR})*+").fullmatch
_SCALAR_ENDS: Final = frozenset("0123456789el")
_ENDS: Final = {"{": "}", "[": "]", '"': '"'}
_JSON_STARTS: Final = frozenset('-0123456789tfn{["')
_JSON_ENDS: Final = _SCALAR_ENDS | frozenset(_ENDS.values())

_encode_lines = msgspec.json.Encoder().encode_lines
_decode_values = msgspec.json.Decoder(list[msgspec.Raw]).decode


def set_rows_reader(
    names: list[str], rules: Rules, shape: Shape, types: InferredTypes | None = None
) -> Callable[[Sequence[Cells]], Columns]:
    """Return a function that reads rows below the header `names` as records to set.

    `types` notes the types of cells that are parsed as JSON; None if none are.
    """
    limits = rules.certain_limits
    places = {name: place for place, name in enumerate(names)}
    value_name = None if shape.takes_whole else shape.value_field or "value"
    before = [b",%b:" % name for name in _strings(names)]
    before[0] = b"{" + before[0][1:]

    def read(rows: Sequence[Cells]) -> Columns:
        others: set[int] = set()
        cells = _columns(rows, names, others)

        def texts(place: int) -> list[bytes]:
            column = cells[place]
            inferred = None if types is None else types.columns[place]
            if inferred is None:
                return _strings(column)
            return _inferred(column, limits.value_depth - shape.takes_whole, others, inferred)

        def named(name: str) -> Sequence[str] | None:
            return cells[places[name]] if name in places and name != value_name else None

        keys = filled(shape.key_template, _of_key(cells, places, shape.key_template), others)
        if value_name is None:
            values = _objects(before, list(map(texts, range(len(cells)))))
            extras = default_extras(rules, len(rows), others)
        else:
            values = texts(places[value_name])
            extras = extras_of_cells(rules, named, len(rows), others)
        return set_columns(keys, values, extras, others, limits, are_shown=True, are_shallow=True)

    return read


def key_rows_reader(
    names: list[str], rules: Rules, shape: Shape
) -> Callable[[Sequence[Cells]], Columns]:
    """Return a function that reads rows below the header `names` as keys."""
    places = {name: place for place, name in enumerate(names)}
    entity_at = places.get("entityName") if shape.is_record else None

    def read(rows: Sequence[Cells]) -> Columns:
        others: set[int] = set()
        cells = _columns(rows, names, others)
        keys = filled(shape.key_template, _of_key(cells, places, shape.key_template), others)
        if entity_at is None:
            entities = default_entities(rules, len(rows), others)
        else:
            entities = entities_of_cells(cells[entity_at], rules, others)
        return key_columns(keys, entities, others, rules.certain_limits, are_shown=True)

    return read


def _columns(rows: Sequence[Cells], names: list[str], others: set[int]) -> Sequence[Sequence[str]]:
    """Return the columns of rows, with empty cells in place of a row of another length."""
    count = len(names)
    if {*map(len, rows)} != {count}:
        others.update(place for place, row in enumerate(rows) if len(row) != count)
        rows = [row if len(row) == count else [""] * count for row in rows]
    columns = list(zip(*rows, strict=True))
    if names[0] in columns[0]:  # a row may repeat the header
        others.update(place for place, row in enumerate(rows) if row == names)
    return columns


def _of_key(
    cells: Sequence[Sequence[str]], places: Mapping[str, int], template: KeyTemplate
) -> list[Sequence[str]]:
    return [cells[places[name]] for name in template.members]


def _strings(column: Sequence[str]) -> list[bytes]:
    """Return cells as JSON strings. None of these holds a line feed."""
    texts = _encode_lines(column).split(b"\n")
    texts.pop()
    return texts


def _objects(before: Sequence[bytes], columns: Sequence[Sequence[bytes]]) -> list[bytes]:
    """Return objects with the members of these columns. `before` has the bytes before each."""
    parts: list[Iterable[bytes]] = []
    for name, column in zip(before, columns, strict=True):
        parts += [repeat(name), column]
    return list(map(b"".join, zip(*parts, repeat(b"}"))))


def _inferred(
    column: Sequence[str], most_deep: int, others: set[int], types: ColumnTypes
) -> list[bytes]:
    """Return cells as JSON where they are JSON, else as JSON strings. Note that in `types`."""
    joined = "\n".join(column)
    are_enclosed = column[0][:1] in _ENDS  # most columns are all of one kind
    if are_enclosed or _are_scalars(joined):
        texts = joined.encode().split(b"\n")
        if len(texts) == len(column) and (not are_enclosed or _are_values(texts, most_deep)):
            if are_enclosed:
                types.saw(texts)
            else:
                types.saw_other(0)
            return texts  # no cell holds a line feed
    texts = _strings(column)
    filled_cells = list(filter(None, column))
    if _JSON_STARTS.isdisjoint([cell[0] for cell in filled_cells]) or _JSON_ENDS.isdisjoint(
        [cell[-1] for cell in filled_cells]
    ):
        if filled_cells:
            types.saw_strings(texts, others)
        return texts
    first = _take_json(column, texts, most_deep, others)
    if first is not None:
        types.saw_other(first)
    types.saw_strings(texts, others)
    return texts


def _take_json(
    column: Sequence[str], texts: list[bytes], most_deep: int, others: set[int]
) -> int | None:
    """Replace the texts of cells that are JSON with that JSON.

    Return the index of the first that is not a string; None if all are strings.
    """
    first: int | None = None
    places: list[int] = []
    for place, cell in enumerate(column):
        end = _ENDS.get(cell[:1])
        if end is None:
            if cell[-1:] in _SCALAR_ENDS and _is_scalar(cell):
                texts[place] = cell.encode()
                if first is None:
                    first = place
        elif cell[-1:] == end:
            places.append(place)
    found = [column[place].encode() for place in places]
    are_values = bool(found) and _are_values(found, most_deep)
    for place, text in zip(places, found, strict=True):
        if are_values:
            texts[place] = text
        elif depth_exceeds(text, most_deep):
            others.add(place)
        elif is_value(text):
            texts[place] = text
        elif b"\\" in text:
            others.add(place)  # an escape may be that of a lone surrogate
    enclosed = next((place for place in places if texts[place][:1] != b'"'), None)
    return min((one for one in (first, enclosed) if one is not None), default=None)


def _are_values(texts: Sequence[bytes], most_deep: int) -> bool:
    """Return whether each text is certainly one JSON value, at most `most_deep` levels deep."""
    lengths = list(map(len, texts))
    if too_deep(texts, most_deep, joined=b"\0".join(texts), longest=max(lengths)):
        return False
    try:
        values = _decode_values(b"[%b]" % b",".join(texts))
    except msgspec.MsgspecError:
        return False
    # The first value begins with the first text. If both have the same length, so do the next ones.
    return list(map(len, values)) == lengths
