"""Read the key and the value of many rows, column by column."""

from collections.abc import Callable, Sequence

import msgspec

from kvsctl.limits import Limits
from kvsctl.records.fast.line_blocks import are_common
from kvsctl.records.parsed import CommonRows


class _Pair(msgspec.Struct, gc=False):
    key: str
    value: str


class _Key(msgspec.Struct, gc=False):
    key: str


_encode_lines = msgspec.json.Encoder().encode_lines


def common_rows_reader(
    names: list[str], key_at: int, value_at: int, limits: Limits
) -> Callable[[list[list[str]]], CommonRows]:
    """Return a function that reads rows below the header `names`: a plain key, a string value.

    The function lists rows of other lengths, rows that repeat the header, and rows that may break
    a rule, in `others`.
    """
    read_keys, most_bytes = _keys_reader(names, key_at, limits), limits.value_bytes

    def read(rows: list[list[str]]) -> CommonRows:
        keys, rows, others = read_keys(rows)
        lines = _encode_lines(list(map(_Pair, keys, [row[value_at] for row in rows])))
        bodies = lines.split(b"\n")
        bodies.pop()
        # A body is longer than its value, so this finds every value that is too long.
        if len(lines) > most_bytes:
            others += [place for place, body in enumerate(bodies) if len(body) > most_bytes]
        return CommonRows(keys, bodies, others)

    return read


def common_key_rows_reader(
    names: list[str], key_at: int, limits: Limits
) -> Callable[[list[list[str]]], CommonRows]:
    """Return a function like that of `common_rows_reader`, with bodies that hold only the keys."""
    read_keys = _keys_reader(names, key_at, limits)

    def read(rows: list[list[str]]) -> CommonRows:
        keys, _, others = read_keys(rows)
        bodies = _encode_lines(list(map(_Key, keys))).split(b"\n")
        bodies.pop()
        return CommonRows(keys, bodies, others)

    return read


def _keys_reader(
    names: list[str], key_at: int, limits: Limits
) -> Callable[[list[list[str]]], tuple[list[str], list[list[str]], list[int]]]:
    """Return a function that reads the keys of rows.

    It returns the keys, the rows, with empty cells in place of a row of another length, and the
    indexes of rows that may not be valid.
    """
    count, key_name = len(names), names[key_at]
    width = {count}

    def read(rows: list[list[str]]) -> tuple[list[str], list[list[str]], list[int]]:
        others: list[int] = []
        if {*map(len, rows)} != width:
            others = [place for place, row in enumerate(rows) if len(row) != count]
            rows = _without(rows, others, count)
        keys = [row[key_at] for row in rows]
        if key_name in keys:
            others += [place for place, row in enumerate(rows) if row == names]
        if not are_common(keys, limits):
            others += [place for place, key in enumerate(keys) if not are_common([key], limits)]
        return keys, rows, others

    return read


def _without(rows: list[list[str]], others: Sequence[int], count: int) -> list[list[str]]:
    """Return the rows, with a row of empty cells at each index in `others`."""
    kept = rows.copy()
    for place in others:
        kept[place] = [""] * count
    return kept
