"""Read lines that a program wrote as compact JSON, in fewer steps than `lines`.

Records that programs make have few shapes: a key and a value, perhaps with an entity and a ttl.
Such lines are decoded into one struct, and their sizes prove that they hold nothing else. Blocks
with another line are left to `lines`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, cast

import msgspec
from msgspec import UNSET, UnsetType

from kvsctl.jsontext import PARSER_DEPTH, are_shallow, too_deep
from kvsctl.limits import Limits
from kvsctl.records.checks import RECORD_DEPTH
from kvsctl.records.fast.columns import Extras, columns_of, unusual_values
from kvsctl.records.fast.extras import default_extras, extras_of_columns
from kvsctl.records.fast.keys import common_lines
from kvsctl.records.fast.lines import set_lines_reader
from kvsctl.records.fast.members import NONE, is_utf8
from kvsctl.records.fields import LEAST_BYTES
from kvsctl.records.parsed import Columns, ReadMany
from kvsctl.records.rules import Rules

_NULL_BYTES: Final = len(b"null")
_ENTITY_BYTES: Final = len(b',"entityName":""')
_TTL_BYTES: Final = len(b',"ttl":')
_MOST_BLOCKS_LEFT_OUT: Final = 64
"""After blocks with another line, at most this many blocks are not tried."""


class _Pair(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    key: str
    value: msgspec.Raw


class _Entry(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    key: str
    value: msgspec.Raw
    entityName: str | UnsetType = UNSET  # noqa: N815 - the member's name
    ttl: msgspec.Raw = NONE


_decode_pair = msgspec.json.Decoder(_Pair).decode
_decode_entry = msgspec.json.Decoder(_Entry).decode


def written_lines_reader(rules: Rules) -> ReadMany:
    """Return a function with the results of `set_lines_reader`, for lines that a program wrote."""
    return _Reader(rules)


class _Reader:
    """Reads the blocks of one call. It remembers which shape the records had."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._limits = rules.certain_limits
        self._has_defaults = rules.ttl is not None or rules.entity is not None
        self._read_any = set_lines_reader(rules)
        self._has_extras = False
        self._left_out = self._still_left_out = 0

    def __call__(self, lines: Sequence[bytes]) -> Columns:
        """Read a block."""
        if self._still_left_out:
            self._still_left_out -= 1
            return self._read_any(lines)
        columns = None if self._has_extras else self._of_pairs(lines)
        if columns is None:
            columns = self._of_entries(lines)
            self._has_extras = columns is not None
        if columns is not None:
            self._left_out = 0
            return columns
        # Blocks like this one would be read twice.
        self._left_out = self._still_left_out = min(2 * self._left_out + 1, _MOST_BLOCKS_LEFT_OUT)
        return self._read_any(lines)

    def _of_pairs(self, lines: Sequence[bytes]) -> Columns | None:
        """Return the records of lines with a key and a value; None if one has something else."""
        block = _decoded(_decode_pair, lines, self._limits)
        if block is None or block.bytes_beside:
            return None
        return self._plain(block, self._unusual(block))

    def _plain(self, block: "_Block", others: set[int]) -> Columns:
        """Return the records of lines that have a key and a value alone."""
        if not self._has_defaults:
            return Columns(block.keys, block.lines, sorted(others))
        extras = default_extras(self._rules, len(block.lines), others)
        return self._written(block, extras, others)

    def _of_entries(self, lines: Sequence[bytes]) -> Columns | None:
        """Return the records of lines that may have an entity or a ttl; None if one has more."""
        block = _decoded(_decode_entry, lines, self._limits)
        if block is None:
            return None
        entities, entity_bytes = _entities(block.entries)
        ttls, ttl_bytes = _ttls(block.entries)
        if block.bytes_beside != entity_bytes + ttl_bytes:
            return None
        others = self._unusual(block)
        if entities is None and ttls is None:
            return self._plain(block, others)
        extras = extras_of_columns(self._rules, entities, ttls, others)
        columns = self._written(block, extras, others)
        if self._has_defaults or (ttls and all(ttls)) or (entities and all(entities)):
            return columns
        # A line with a key and a value alone is sent as it is.
        have_more = [entry.ttl or entry.entityName is not UNSET for entry in block.entries]
        choices = zip(have_more, columns.bodies, lines, strict=True)
        return columns._replace(bodies=[body if more else line for more, body, line in choices])

    def _unusual(self, block: "_Block") -> set[int]:
        """Return the indexes of values that are null, too long or too deep."""
        limits, lengths = self._limits, block.lengths
        deep: list[int] = []
        if not block.is_shallow:
            depth = limits.value_depth + RECORD_DEPTH
            deep = too_deep(block.lines, depth, joined=block.joined, longest=block.longest)
        if _NULL_BYTES in lengths or block.longest > limits.value_bytes:
            return {*deep, *unusual_values(block.values, limits, are_shallow=True)}
        return {*deep}

    @staticmethod
    def _written(block: "_Block", extras: Extras, others: set[int]) -> Columns:
        return columns_of(block.keys, block.names.split(b"\n"), block.values, extras, others)


class _Block(NamedTuple):
    """Lines as they were decoded.

    `names`: the keys, joined by line feeds. `lengths`: those of the values. `longest`: that of the
    longest line. `joined`: the lines, with NUL between them. `is_shallow`: certainly no line nests
    deeper than a value may.
    """

    lines: Sequence[bytes]
    entries: list[Any]
    keys: list[str]
    names: bytes
    values: list[msgspec.Raw]
    lengths: list[int]
    longest: int
    joined: bytes
    is_shallow: bool

    @property
    def bytes_beside(self) -> int:
        """How many bytes the lines have in addition to keys, values, and what these two need.

        A key has no escape, so none of its bytes counts. No line has fewer bytes than its members
        need. So if all lines together have no more, each holds nothing else, and no member twice.
        """
        # There are as many NULs between the lines as line feeds between the keys.
        needed = len(self.lines) * LEAST_BYTES + len(self.names) + sum(self.lengths)
        return len(self.joined) - needed


def _decoded(
    decode: Callable[[bytes], Any], lines: Sequence[bytes], limits: Limits
) -> _Block | None:
    """Return the members of lines; None unless all have those of the decoder, and common keys."""
    joined, longest = b"\0".join(lines), max(map(len, lines))
    # For short lines, it is faster to look at the values alone.
    is_shallow = longest > 2 * PARSER_DEPTH
    if not is_utf8(joined) or (is_shallow and not are_shallow(joined, limits.value_depth)):
        return None  # the decoder recurses, and does not check the UTF-8 inside a Raw
    try:
        entries = list(map(decode, lines))
    except msgspec.MsgspecError:
        return None
    keys = [entry.key for entry in entries]
    names = common_lines(keys, limits)
    if names is None:
        return None
    values = [entry.value for entry in entries]
    lengths = list(map(len, values))
    return _Block(lines, entries, keys, names, values, lengths, longest, joined, is_shallow)


def _entities(entries: list[_Entry]) -> tuple[Sequence[str | None] | None, int]:
    """Return the entities, and how many bytes their members have; None if no line has one.

    If they have an escape, they have more bytes than that: see `_Block.bytes_beside`.
    """
    entities = [entry.entityName for entry in entries]
    if all(entities):
        names = cast("list[str]", entities)
        return names, _ENTITY_BYTES * len(names) + len("".join(names))
    missing = entities.count(UNSET)
    if missing == len(entities):
        return None, 0
    size = _ENTITY_BYTES * (len(entities) - missing)
    column = [None if isinstance(entity, UnsetType) else entity for entity in entities]
    return column, size + len("".join(filter(None, column)))


def _ttls(entries: list[_Entry]) -> tuple[list[bytes] | None, int]:
    """Return the ttls, and how many bytes their members have; None if no line has one."""
    ttls = [entry.ttl for entry in entries]
    joined = b"\0".join(ttls)  # no JSON holds a NUL
    separators = len(ttls) - 1
    if len(joined) == separators:
        return None, 0
    texts = joined.split(b"\0")
    return texts, len(joined) - separators + _TTL_BYTES * (len(texts) - texts.count(b""))
