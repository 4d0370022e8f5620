"""Read the key and the value of many rows, column by column."""

from collections.abc import Callable, Sequence

import msgspec

from kvsctl.limits import Limits
from kvsctl.records.fast.line_blocks import are_common
from kvsctl.records.parsed import CommonRows


class _Pair(msgspec.Struct, gc=False):
    key: str
    value: str


_encode_lines = msgspec.json.Encoder().encode_lines


def common_rows_reader(
    names: list[str], key_at: int, value_at: int, limits: Limits
) -> Callable[[list[list[str]]], CommonRows]:
    """Return a function that reads rows below the header `names`: a plain key, a string value.

    The function lists rows of other lengths, rows that repeat the header, and rows that may break
    a rule, in `others`.
    """
    count, key_name = len(names), names[key_at]
    width, most_bytes = {count}, limits.value_bytes

    def read(rows: list[list[str]]) -> CommonRows:
        others: list[int] = []
        if {*map(len, rows)} != width:
            others = [place for place, row in enumerate(rows) if len(row) != count]
            rows = _without(rows, others, count)
        keys = [row[key_at] for row in rows]
        if key_name in keys:
            others += [place for place, row in enumerate(rows) if row == names]
        if not are_common(keys, limits):
            others += [place for place, key in enumerate(keys) if not are_common([key], limits)]
        lines = _encode_lines(list(map(_Pair, keys, [row[value_at] for row in rows])))
        bodies = lines.split(b"\n")
        bodies.pop()
        # A body is longer than its value, so this finds every value that is too long.
        if len(lines) > most_bytes:
            others += [place for place, body in enumerate(bodies) if len(body) > most_bytes]
        return CommonRows(keys, bodies, others)

    return read


def _without(rows: list[list[str]], others: Sequence[int], count: int) -> list[list[str]]:
    """Return the rows, with a row of empty cells at each index in `others`."""
    kept = rows.copy()
    for place in others:
        kept[place] = [""] * count
    return kept
