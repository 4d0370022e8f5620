"""The forms in which list prints keys: lines, JSON, tables, or their number."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from kvsctl.model import Record
from kvsctl.outputs.records import Form, Formatter, end_of_line, heads, metadata_columns
from kvsctl.records.ttl import parse_expire_time
from kvsctl.slabs import FoundSlab, names_of
from kvsctl.texts import utc_text

_ODD: Final = re.compile('[^\x20-\x7e]|^[ "]| $|^(?:key|KEY)$')
"""Keys with a match are printed as JSON strings: control characters, blanks at either end, and the
headings of tables, which get and delete refuse as the first line."""
_ODD_IN_LINES: Final = re.compile('[^\x20-\x7e\n]|^[ "]| $|^(?:key|KEY)$', re.MULTILINE)
_UNREADABLE: Final = re.compile('[\x00-\x08\x0a-\x1f\x7f-\x9f\ufeff\ud800-\udfff]|^"|^key$')
"""Keys with a match cannot be read from the cells of a table. One would repeat the header."""
_ENCODED: Final = ("utf-8", "backslashreplace")
"""A lone surrogate is written as its escape. Legal keys have none."""
_NOT_IN_TIMES: Final = re.compile("[^0-9A-Za-z:.+-]")
_WIDTH: Final = len("2026-01-31T12:00:00Z")
_SIZE_WIDTH: Final = 7
_INDENT: Final = " " * (_SIZE_WIDTH + 2)


def form_of(
    style: str,
    *,
    is_long: bool,
    has_entities: bool,
    installation: str | None = None,
    width: int | None = None,
) -> Form:
    """Return the form of a style: keys, jsonl, json, csv, table or count.

    `is_long`: with size, times and expiry. `has_entities`: with the entity of each record, which
    the JSON forms always have. `installation`: whose keys these are, for JSON Lines. `width`: how
    many columns a table may have; None: any number.
    """
    match style:
        case "jsonl":
            return Form(_json_items(is_long=is_long, before=b"", after=end_of_line(installation)))
        case "json":
            items = _json_items(is_long=is_long, before=b",\n", after=b"}")
            return Form(items, b"[", lambda: b"\n]\n", skipped=1)
        case "csv":
            return _csv(is_long=is_long, has_entities=has_entities)
        case "table":
            return _table(is_long=is_long, has_entities=has_entities, width=width)
        case "count":
            return _count()
    return Form(key_lines)


def key_lines(records: Sequence[Record], found: FoundSlab) -> bytes:
    """Format keys as plain lines, which get and delete read back. Odd keys are JSON strings."""
    del found
    keys, _ = names_of(records)
    text = "\n".join(keys)
    if text.count("\n") != len(keys) - 1 or _ODD_IN_LINES.search(text):
        text = "\n".join(map(shown_key, keys))
    return text.encode() + b"\n"


def shown_key(key: str) -> str:
    """Return a key as it is, or as a JSON string: get and delete read both from a line."""
    return json.dumps(key) if _ODD.search(key) else key


def _json_items(*, is_long: bool, before: bytes, after: bytes) -> Formatter:
    def format_items(records: Sequence[Record], found: FoundSlab) -> bytes:
        parts = [before, b"", b"", *[b""] * 6, after]
        width = len(parts)
        parts *= len(records)
        parts[1::width] = heads(records)
        if is_long:
            parts[2::width] = [b',"size":%d' % len(value) for value in found.values]
            for place, column in enumerate(metadata_columns(found)):
                if column is not None:
                    parts[3 + 2 * place :: width], parts[4 + 2 * place :: width] = column
        return b"".join(parts)

    return format_items


def _csv(*, is_long: bool, has_entities: bool) -> Form:
    names = ["key"]
    names += ["entityName"] if has_entities else []
    names += ["size", "createdAt", "updatedAt", "expireTime"] if is_long else []

    def format_rows(records: Sequence[Record], found: FoundSlab) -> bytes:
        keys, entities = names_of(records)
        columns: list[Sequence[str]] = [[_cell(key) for key in keys]]
        if has_entities:
            columns.append([entity or "" for entity in entities or [None] * len(keys)])
        if is_long:
            columns += _long_columns(found)
        return "".join([",".join(row) + "\n" for row in zip(*columns, strict=True)]).encode(
            *_ENCODED
        )

    return Form(format_rows, ",".join(names).encode() + b"\n")


def _cell(key: str) -> str:
    """Return a key as a cell that get and delete read back. No legal key has a quote or a comma.

    A key that cannot be read back as it is becomes a JSON string, as on a line.
    """
    if _UNREADABLE.search(key):
        key = json.dumps(key)
    is_odd = key != key.strip() or any(character in key for character in ',"')
    return '"' + key.replace('"', '""') + '"' if is_odd else key


def _table(*, is_long: bool, has_entities: bool, width: int | None) -> Form:
    """Return the form of a table. The key comes last.

    If a row of a long table is wider than `width`, its key is on a line of its own: a terminal
    would break the key in the middle.
    """

    def row(cells: Sequence[str], entity: str, key: str) -> str:
        size = [cells[0].rjust(_SIZE_WIDTH), *(cell.ljust(_WIDTH) for cell in cells[1:])]
        cells = [*(size if is_long else ()), *([entity] if has_entities else ())]
        whole = "  ".join([*cells, key])
        if not is_long or width is None or len(whole) <= width:
            return whole
        return f"{'  '.join(cells).rstrip()}\n{_INDENT}{key}"

    def format_rows(records: Sequence[Record], found: FoundSlab) -> bytes:
        columns = _long_columns(found) if is_long else [[""] * len(records)]
        keys, entities = names_of(records)
        entities = entities or [None] * len(keys)
        rows = [
            row(cells, entity or "-", shown_key(key)) + "\n"
            for entity, key, *cells in zip(entities, keys, *columns, strict=True)
        ]
        return "".join(rows).encode(*_ENCODED)

    header = row(["SIZE", "CREATED", "UPDATED", "EXPIRES"], "ENTITY", "KEY")
    return Form(format_rows, header.encode() + b"\n")


def _count() -> Form:
    count = 0

    def note(records: Sequence[Record], _: FoundSlab) -> bytes:
        nonlocal count
        count += len(records)
        return b""

    return Form(note, end=lambda: b"%d\n" % count)


def _long_columns(found: FoundSlab) -> list[list[str]]:
    """Return size, times and expiry as text; a cell is empty where an answer has none."""
    size = len(found)
    return [
        [str(len(value)) for value in found.values],
        [_time(moment) for moment in found.created_at or [None] * size],
        [_time(moment) for moment in found.updated_at or [None] * size],
        [_expiry(text) for text in found.expire_times or [None] * size],
    ]


def _time(milliseconds: int | None) -> str:
    if milliseconds is None:
        return ""
    return _second(milliseconds // 1000) or str(milliseconds)


def _expiry(text: str | None) -> str:
    """Return an expiry to the second, like the other times. An unknown form stays as it is."""
    if text is None:
        return ""
    expires_at = parse_expire_time(text)
    second = None
    if isinstance(expires_at, datetime):
        second = _second(int(expires_at.timestamp()))
    return second or _NOT_IN_TIMES.sub("?", text)


def _second(epoch_seconds: int) -> str | None:
    """Return a moment as text; None if it is out of range."""
    try:
        return utc_text(datetime.fromtimestamp(epoch_seconds, UTC), timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return None
