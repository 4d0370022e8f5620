"""Make records from keys, values and other members, column by column.

A *column* has one entry per piece. If a function that converts a column is not sure of an entry, it
adds the entry's index to `others`, and puts something legal in its place.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from itertools import repeat
from operator import add
from typing import Final, NamedTuple, TypeVar

import msgspec

from kvsctl.jsontext import too_deep
from kvsctl.limits import Limits
from kvsctl.model import ENTITY_MEMBER
from kvsctl.records.fast.keys import common_lines, key_bodies, key_texts
from kvsctl.records.parsed import Columns
from kvsctl.records.shapes import KeyTemplate

_NULL: Final = b"null"
_OBJECT: Final = b"{"
_OF_NUMBERS: Final = b"0123456789.+-eE\n"
_BEGIN_SCALARS: Final = frozenset(bytes([mark]) for mark in b"-0123456789tf")
_decode_string: Final = msgspec.json.Decoder(str).decode

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


def converted(
    column: Sequence[_Given],
    convert: Callable[[_Given], _Made],
    others: set[int],
    instead: _Made,
) -> list[_Made]:
    """Convert a column. Entries for which `convert` raises a ValueError become `instead`.

    Equal entries are converted once, because a column often has few different ones.
    """
    made = _Conversions(convert, instead)
    found = list(map(made.__getitem__, column))
    if made.wrong:
        others.update(place for place, given in enumerate(column) if given in made.wrong)
    return found


class _Conversions(dict[_Given, _Made]):
    """The results of conversions, by entry. `wrong`: the entries that became `instead`."""

    def __init__(self, convert: Callable[[_Given], _Made], instead: _Made) -> None:
        self._convert = convert
        self._instead = instead
        self.wrong: set[_Given] = set()

    def __missing__(self, given: _Given) -> _Made:
        try:
            made = self._convert(given)
        except ValueError:
            made = self._instead
            self.wrong.add(given)
        self[given] = made
        return made


def filled(template: KeyTemplate, columns: Sequence[Sequence[str]], others: set[int]) -> list[str]:
    """Return the keys that a template makes from the columns of its members."""
    if template.is_bare:
        return list(columns[0])
    for column in columns:
        if "" in column:
            others.update(place for place, text in enumerate(column) if not text)
    if len(columns) == 1:
        before, after = template.literals
        # One join for all keys. If one holds a line feed, there are too many parts.
        keys = (before + f"{after}\n{before}".join(columns[0]) + after).split("\n")
        if len(keys) == len(columns[0]):
            return keys
    pattern = "%s".join(literal.replace("%", "%%") for literal in template.literals)
    return list(map(pattern.__mod__, zip(*columns, strict=True)))


def key_texts_of_json(column: Sequence[msgspec.Raw], others: set[int]) -> list[str]:
    """Return the texts for keys: those of strings; numbers, true and false as written."""
    joined = b"\n".join(column)
    if not joined.translate(None, _OF_NUMBERS):
        texts = joined.decode().split("\n")
        if "" not in texts:
            return texts
    found = strings_of_json(joined, len(column))
    if found is not None:
        return found
    texts = [""] * len(column)
    for place, text in enumerate(map(bytes, column)):
        try:
            texts[place] = _key_text(text)
        except ValueError:
            others.add(place)
    return texts


def strings_of_json(joined: bytes, count: int) -> list[str] | None:
    """Return the texts of JSON strings without escapes that are joined by line feeds.

    Return None unless all are strings without escapes.
    """
    if not (joined.startswith(b'"') and joined.endswith(b'"')) or b"\\" in joined:
        return None
    texts = joined[1:-1].decode().split('"\n"')  # no string holds a line feed
    return texts if len(texts) == count else None


def string_of_json(text: bytes) -> str:
    """Return the text of a JSON string. Raise ValueError for other JSON, and lone surrogates."""
    if not text.startswith(b'"'):
        raise ValueError
    if b"\\" not in text:
        return text[1:-1].decode()
    try:
        return _decode_string(text)
    except msgspec.MsgspecError:
        raise ValueError from None


def _key_text(text: bytes) -> str:
    return text.decode() if text[:1] in _BEGIN_SCALARS else string_of_json(text)


class Entities(NamedTuple):
    """The entities of records, and what they add to the names of the records: see `name_end`."""

    column: Sequence[str | None]
    ends: Iterable[bytes]


def name_end(entity: str | None) -> bytes:
    """Return what a legal entity adds to the key in the name of a record (`name_in_json`)."""
    return b"" if entity is None else ENTITY_MEMBER + entity.encode()


class Extras(msgspec.Struct):
    """The members of records other than key and value, as columns.

    `entities` and `expiries` are None if no record has one. `options` has the bytes that set the
    ttl of a record, with the comma before them.
    """

    entities: Entities | None
    options: Iterable[bytes]
    expiries: Sequence[datetime | None] | None = None


def set_columns(
    keys: Sequence[str],
    values: Sequence[bytes] | Sequence[msgspec.Raw],
    extras: Extras,
    others: set[int],
    limits: Limits,
    *,
    are_shown: bool = False,
    are_shallow: bool = False,
) -> Columns:
    """Return records to set, written around the exact bytes of the values.

    `are_shown`: see `key_texts`. `are_shallow`: see `unusual_values`.
    """
    names = key_texts(keys, limits, others, are_shown=are_shown)
    others.update(unusual_values(values, limits, are_shallow=are_shallow))
    return columns_of(keys, names, values, extras, others)


def columns_of(
    keys: Sequence[str],
    names: list[bytes],
    values: Sequence[bytes] | Sequence[msgspec.Raw],
    extras: Extras,
    others: set[int],
) -> Columns:
    """Return records to set. `names`: the JSON of their keys, without its quotes."""
    start, middle, end = repeat(b'{"key":"'), repeat(b'","value":'), repeat(b"}")
    entities: Sequence[str | None] | None = None
    if extras.entities is not None:
        entities, ends = extras.entities
        others.update(non_objects(entities, values))
        names = list(map(add, names, ends))
    parts = zip(start, names, middle, values, extras.options, end)  # noqa: B905
    bodies = list(map(b"".join, parts))
    has_entities = entities is not None
    return Columns(
        keys, bodies, sorted(others), entities, extras.expiries, names if has_entities else None
    )


def key_columns(
    keys: Sequence[str],
    entities: Entities | None,
    others: set[int],
    limits: Limits,
    *,
    are_shown: bool = False,
) -> Columns:
    """Return records to get or delete."""
    if entities is None and (lines := common_lines(keys, limits)) is not None:
        return Columns(keys, key_bodies(lines), sorted(others))
    names = key_texts(keys, limits, others, are_shown=are_shown)
    for place in others:
        names[place] = b""  # one with a line feed would make two bodies
    if entities is None:
        return Columns(keys, key_bodies(b"\n".join(names)), sorted(others))
    names = list(map(add, names, entities.ends))
    bodies = key_bodies(b"\n".join(names))
    return Columns(keys, bodies, sorted(others), entities.column, names=names)


def unusual_values(
    values: Sequence[bytes] | Sequence[msgspec.Raw], limits: Limits, *, are_shallow: bool
) -> Collection[int]:
    """Return the indexes of values that are missing, null, too long or too deep.

    `are_shallow`: certainly none is too deep.
    """
    lengths = list(map(len, values))
    distinct = set(lengths)
    longest = max(distinct)
    deep: list[int] = []
    if not are_shallow:
        deep = too_deep(values, limits.value_depth, joined=b"\0".join(values), longest=longest)
    if distinct.isdisjoint((0, len(_NULL))) and longest <= limits.value_bytes:
        return deep
    return deep + [
        place
        for place, length in enumerate(lengths)
        if not 0 < length <= limits.value_bytes
        or (length == len(_NULL) and bytes(values[place]) == _NULL)
    ]


def non_objects(
    entities: Sequence[str | None], values: Sequence[bytes] | Sequence[msgspec.Raw]
) -> Collection[int]:
    """Return the indexes of records in an entity whose value is not an object."""
    # No JSON holds a NUL.
    if b"\0".join([b"", *values]).count(b"\0" + _OBJECT) == len(values):
        return ()
    starts = [bytes(value)[:1] for value in values]
    return [
        place
        for place, (entity, start) in enumerate(zip(entities, starts, strict=True))
        if entity is not None and start != _OBJECT
    ]
