"""Read many objects at once, from lines or from an array, as records or as keys."""

import re
from collections.abc import Sequence
from functools import partial
from itertools import repeat
from operator import attrgetter, sub
from typing import Final

import msgspec

from kvsctl.jsontext import WHITE_SPACE
from kvsctl.records.fast.columns import (
    converted,
    filled,
    key_columns,
    set_columns,
    string_of_json,
    unusual_values,
)
from kvsctl.records.fast.extras import (
    default_entities,
    default_extras,
    entity_column,
    extras_of_json,
    require_options,
)
from kvsctl.records.fast.keys import illegal_keys, read_keys, read_strings
from kvsctl.records.fast.members import NONE, Members, Pair, objects_of, records_of, repeats
from kvsctl.records.fields import LEAST_BYTES, MEMBER_BYTES
from kvsctl.records.parsed import Columns, ReadMany
from kvsctl.records.rules import Rules
from kvsctl.records.shapes import KeyTemplate, Shape

_ROOM_BYTES: Final = LEAST_BYTES + MEMBER_BYTES
"""The fewest bytes besides key and value that leave room for another member."""
_begins_scalar: Final = re.compile(rb"[-0-9tf]").match


def set_lines_reader(rules: Rules) -> ReadMany:
    """Return a function that reads lines as records to set."""
    limits = rules.certain_limits
    has_defaults = rules.ttl is not None or rules.entity is not None

    def read(lines: Sequence[bytes]) -> Columns:
        records = records_of(lines, limits)
        keys = [record.key for record in records]
        values = [record.value for record in records]
        if not has_defaults and _hold_nothing_else(lines, keys, values):
            illegal, unusual = illegal_keys(keys, limits), unusual_values(values, limits)
            return Columns(keys, lines, sorted({*illegal, *unusual}))
        beside = _bytes_beside(lines, keys, values)
        most = max(beside)
        if most != LEAST_BYTES and (stripped := _stripped(lines)) != lines:
            lines = stripped
            beside = _bytes_beside(lines, keys, values)
            most = max(beside)
        others: set[int] = set()
        extras = default_extras(rules, len(lines), others)
        if most >= _ROOM_BYTES:
            others.update(repeats(lines, records))
            if isinstance(records[0], Members):
                extras = extras_of_json(rules, partial(_column, records), others)
        elif not has_defaults:
            others.update(illegal_keys(keys, limits), unusual_values(values, limits))
            return Columns(keys, lines, sorted(others))
        found = set_columns(keys, values, extras, others, limits)
        if has_defaults or min(beside) >= _ROOM_BYTES:
            return found
        choices = zip(lines, found.bodies, beside, strict=True)
        bodies = [line if few < _ROOM_BYTES else body for line, body, few in choices]
        return found._replace(bodies=bodies)

    return read


def key_lines_reader(rules: Rules) -> ReadMany:
    """Return a function that reads lines as keys: objects, or JSON strings."""
    limits = rules.certain_limits

    def read(lines: Sequence[bytes]) -> Columns:
        if lines[0].startswith(b'"'):
            return _of_keys(read_strings(lines), rules, are_shown=False)
        records = records_of(lines, limits)
        keys = [record.key for record in records]
        others: set[int] = set()
        if not _hold_nothing_else(lines, keys, [record.value for record in records]):
            others.update(repeats(lines, records))
        entities = default_entities(rules, len(lines), others)
        if isinstance(records[0], Members):
            column = partial(_column, records)
            entities = entity_column(column("entityName"), rules, others)
            options = column("options")
            if any(options):
                require_options(column("ttl"), options, rules, others)
        return key_columns(keys, entities, others, limits)

    return read


def _hold_nothing_else(
    lines: Sequence[bytes], keys: Sequence[str], values: Sequence[msgspec.Raw]
) -> bool:
    """Return whether each line has a key and a value, and no byte that these two do not need.

    No line with both is shorter than that. So if the lines together are not longer, none is.
    """
    lengths = list(map(len, values))
    least = sum(map(len, keys)) + sum(lengths) + len(keys) * LEAST_BYTES
    return 0 not in lengths and sum(map(len, lines)) == least


def shaped_set_reader(rules: Rules, shape: Shape) -> ReadMany:
    """Return a function that reads objects as records to set, whose shape is not that of records.

    See `parsing.objects`.
    """
    limits = rules.certain_limits

    def read(lines: Sequence[bytes]) -> Columns:
        lines = _stripped(lines)
        objects = objects_of(lines, limits)
        others = set(repeats(lines, objects))
        keys = _keys(objects, shape.key_template, others)
        if shape.value_field is None:
            extras = default_extras(rules, len(lines), others)
            return set_columns(keys, lines, extras, others, limits)
        values = [members.pop(shape.value_field, NONE) for members in objects]
        extras = extras_of_json(
            rules, lambda name: [members.get(name, NONE) for members in objects], others
        )
        return set_columns(keys, values, extras, others, limits)

    return read


def shaped_keys_reader(rules: Rules, shape: Shape) -> ReadMany:
    """Return a function that reads objects as keys, whose shape is not that of records."""
    limits = rules.certain_limits

    def read(lines: Sequence[bytes]) -> Columns:
        objects = objects_of(lines, limits)
        others = set(repeats(lines, objects))
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
    """Return for each line how many bytes it has besides its key and its value."""
    # map() instead of a loop: each record of most inputs passes here.
    return list(map(sub, map(sub, map(len, lines), map(len, keys)), map(len, values)))


def _column(records: Sequence[Pair], name: str) -> list[msgspec.Raw]:
    return list(map(attrgetter(name), records))


def _stripped(lines: Sequence[bytes]) -> list[bytes]:
    return list(map(bytes.strip, lines, repeat(WHITE_SPACE)))


def _keys(
    objects: Sequence[dict[str, msgspec.Raw]], template: KeyTemplate, others: set[int]
) -> list[str]:
    columns = []
    for name in template.members:
        texts = [bytes(members.get(name, NONE)) for members in objects]
        columns.append(converted(texts, _key_text, others, ""))
    return filled(template, columns, others)


def _key_text(text: bytes) -> str:
    """Return the text for a key: that of a string, or a number, true or false as written."""
    return text.decode() if _begins_scalar(text) else string_of_json(text)
