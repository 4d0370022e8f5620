"""Read many objects at once, from lines or from an array, as records or as keys."""

from collections.abc import Collection, Iterable, Sequence, Sized
from itertools import repeat
from operator import sub
from typing import Final

import msgspec

from kvsctl.jsontext import WHITE_SPACE
from kvsctl.records.fast.columns import (
    Extras,
    filled,
    key_columns,
    key_texts_of_json,
    set_columns,
    unusual_values,
)
from kvsctl.records.fast.extras import (
    TEXTS,
    default_entities,
    default_extras,
    entities_of_json,
    extras_of_json,
    require_options,
)
from kvsctl.records.fast.keys import illegal_keys, read_keys, read_strings
from kvsctl.records.fast.members import Decoder, Members
from kvsctl.records.fields import KNOWN_MEMBERS, LEAST_BYTES, MEMBER_BYTES
from kvsctl.records.parsed import Columns, ReadMany
from kvsctl.records.rules import Rules
from kvsctl.records.shapes import KeyTemplate, Shape

_ROOM_BYTES: Final = LEAST_BYTES + MEMBER_BYTES
"""The fewest bytes in addition to key and value that leave room for another member."""
_PAIR: Final = ("key", "value")
_QUOTE: Final = b'"'
_FEW: Final = 8
"""If at most one in this many lines is of the other kind, it is faster to read it by itself."""


def set_lines_reader(rules: Rules) -> ReadMany:
    """Return a function that reads lines as records to set."""
    limits = rules.certain_limits
    has_defaults = rules.ttl is not None or rules.entity is not None
    decoder = _record_decoder(rules)

    def read(lines: Sequence[bytes]) -> Columns:
        records = decoder.read(lines)
        keys, values = records.keys("key"), records.column("value")
        others = set(records.gaps)
        if rules.one_installation is not None and records.column_if_any("installation"):
            return Columns(keys, lines, range(len(lines)))  # their order matters

        def unusual() -> Collection[int]:
            return unusual_values(values, limits, are_shallow=records.is_shallow)

        def written(extras: Extras) -> Columns:
            shown, are_shallow = records.unmasked(values), records.is_shallow
            return set_columns(keys, shown, extras, others, limits, are_shallow=are_shallow)

        if records.each_has_other_than(_PAIR, likely=TEXTS):
            # No line is sent as it is.
            others.update(records.repeats())
            extras = extras_of_json(rules, records, others)
            return written(extras)
        if not has_defaults and _is_nothing_else(records.lines, keys, values):
            others.update(illegal_keys(keys, limits), unusual())
            return Columns(keys, lines, sorted(others))
        beside = _bytes_beside(records.lines, keys, values)
        most = max(beside)
        are_compact = most >= _ROOM_BYTES and records.are_compact
        if most != LEAST_BYTES and not are_compact and (stripped := _stripped(lines)) != lines:
            lines = stripped
            beside = _bytes_beside(_stripped(records.lines), keys, values)
            most = max(beside)
        extras = default_extras(rules, len(lines), others)
        if most >= _ROOM_BYTES:
            others.update(records.repeats())
            if records.has_other_than(_PAIR):
                extras = extras_of_json(rules, records, others)
        elif not has_defaults:
            others.update(illegal_keys(keys, limits), unusual())
            return Columns(keys, lines, sorted(others))
        found = written(extras)
        if has_defaults or min(beside) >= _ROOM_BYTES:
            return found
        choices = zip(lines, found.bodies, beside, strict=True)
        bodies = [line if few < _ROOM_BYTES else body for line, body, few in choices]
        return found._replace(bodies=bodies)

    return read


def key_lines_reader(rules: Rules) -> ReadMany:
    """Return a function that reads lines as keys: objects, or JSON strings."""
    limits = rules.certain_limits
    decoder = _record_decoder(rules)

    def read(lines: Sequence[bytes]) -> Columns:
        columns = of_kind(lines)
        if len(columns.others) * _FEW > len(lines):
            are_strings = [line.startswith(_QUOTE) for line in lines]
            if len({*are_strings}) > 1:
                return _of_both_kinds(lines, are_strings, of_kind)
        return columns

    def of_kind(lines: Sequence[bytes]) -> Columns:
        if lines[0].startswith(_QUOTE):
            return _of_keys(read_strings(lines), rules, are_shown=False)
        records = decoder.read(lines)
        keys = records.keys("key")
        others = set(records.gaps)
        values = records.column("value")
        if not _is_nothing_else(records.lines, keys, values):
            others.update(records.repeats())
        entities = entities_of_json(rules, records, others)
        options = records.column_if_any("options")
        if options is not None:
            require_options(records.column("ttl"), options, rules, others)
        return key_columns(keys, entities, others, limits)

    return read


def _of_both_kinds(
    lines: Sequence[bytes], are_strings: Sequence[bool], of_kind: ReadMany
) -> Columns:
    """Read the lines that are strings and those that are not, each as one block."""
    keys, bodies, others = [""] * len(lines), [b""] * len(lines), list[int]()
    entities: list[str | None] = [None] * len(lines)
    for is_string in (True, False):
        places = [place for place, one in enumerate(are_strings) if one is is_string]
        columns = of_kind([lines[place] for place in places])
        others += [places[place] for place in columns.others]
        column = columns.entities or [None] * len(places)
        parts = zip(places, columns.keys, columns.bodies, column, strict=True)
        for place, key, body, entity in parts:
            keys[place], bodies[place], entities[place] = key, body, entity
    return Columns(keys, bodies, sorted(others), entities if any(entities) else None)


def _record_decoder(rules: Rules) -> Decoder:
    return Decoder(
        rules.certain_limits.value_depth, _PAIR, key="key", texts=TEXTS, known=KNOWN_MEMBERS
    )


def _is_nothing_else(
    lines: Sequence[bytes], keys: Sequence[str], values: Sequence[msgspec.Raw]
) -> bool:
    """Return whether each line has a key and a value, and no byte that these two do not need.

    No line with both has fewer bytes than these need. So if all lines together have no more, no
    line has more.
    """
    needed = len(lines) * LEAST_BYTES + _bytes_of(keys) + _bytes_of(values)
    return _bytes_of(lines) == needed and all(values)


def _bytes_of(parts: Iterable[Sized]) -> int:
    # The length of a key is in characters: if it has more bytes, its line is not plain.
    return sum(map(len, parts))


def shaped_set_reader(rules: Rules, shape: Shape) -> ReadMany:
    """Return a function that reads objects as records to set, by a shape other than `RECORDS`.

    See `parsing.objects`.
    """
    limits = rules.certain_limits
    template, value_field = shape.key_template, shape.value_field
    names = [*template.members, *filter(None, [value_field])]
    texts = () if value_field is None else TEXTS - {*names}
    decoder = Decoder(limits.value_depth, names, texts=texts)

    def read(lines: Sequence[bytes]) -> Columns:
        if value_field is None:
            lines = _stripped(lines)
        objects = decoder.read(lines)
        others = {*objects.gaps, *objects.repeats()}
        keys = _keys(objects, template, others)
        if value_field is None:
            extras = default_extras(rules, len(lines), others)
            return set_columns(keys, lines, extras, others, limits, are_shallow=objects.is_shallow)

        extras = extras_of_json(rules, objects, others, hidden=value_field)
        values = objects.unmasked(objects.column(value_field))
        return set_columns(keys, values, extras, others, limits, are_shallow=objects.is_shallow)

    return read


def shaped_keys_reader(rules: Rules, shape: Shape) -> ReadMany:
    """Return a function that reads objects as keys, by a shape other than `RECORDS`."""
    limits = rules.certain_limits
    decoder = Decoder(limits.value_depth, shape.key_template.members)

    def read(lines: Sequence[bytes]) -> Columns:
        objects = decoder.read(lines)
        others = {*objects.gaps, *objects.repeats()}
        keys = _keys(objects, shape.key_template, others)
        return key_columns(keys, default_entities(rules, len(lines), others), others, limits)

    return read


def plain_keys_reader(rules: Rules) -> ReadMany:
    """Return a function that reads lines as plain keys, or keys as JSON strings."""
    return lambda lines: _of_keys(read_keys(lines), rules, are_shown=True)


def _of_keys(keys: list[str], rules: Rules, *, are_shown: bool) -> Columns:
    others: set[int] = set()
    entities = default_entities(rules, len(keys), others)
    return key_columns(keys, entities, others, rules.certain_limits, are_shown=are_shown)


def _bytes_beside(
    lines: Sequence[bytes], keys: Sequence[str], values: Sequence[msgspec.Raw]
) -> list[int]:
    """Return how many bytes each line has in addition to its key and its value."""
    # map() instead of a loop: each record of most inputs passes here.
    return list(map(sub, map(sub, map(len, lines), map(len, keys)), map(len, values)))


def _stripped(lines: Sequence[bytes]) -> list[bytes]:
    return list(map(bytes.strip, lines, repeat(WHITE_SPACE)))


def _keys(objects: Members, template: KeyTemplate, others: set[int]) -> list[str]:
    return filled(
        template,
        [key_texts_of_json(objects.column(name), others) for name in template.members],
        others,
    )
