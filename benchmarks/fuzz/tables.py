"""Draw tables, and cut them into rows and cells one character at a time."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from benchmarks.fuzz.grammar import Grammar

_WHITE: Final = b" \t\r\n"
_COLUMNS: Final = {
    "key", "value", "entityName", "ttl", "expireTime",
    "createdAt", "updatedAt", "error", "source", "installation",
}  # fmt: skip
_CELLS: Final = (
    b"a", b"7", b"1.0", b"true", b"null", b"", b" ", b'{"a":1}', b"[1,2]", b'"text"', b" 7", b"01",
    b"9007199254740993", b"123456789012345678901234567890", b"1e400", b"NaN", b"a\tb", b"a\nb",
    b"a\r\nb", b'say "hi"', b"a,b", b"\\n", b"'", "é日😀".encode(),
    "\u2028".encode(), b"\x00", b'{"a":"\\ud800"}',
)  # fmt: skip
_TEXTS: Final = {
    b"entityName": (b"", b"abc", b"ab", b"a..b", b"person"),
    b"ttl": (b"", b"7d", b"45s", b"soon", b"7", b"366d"),
    b"expireTime": (b"", b"2001-01-01T00:00:00Z", b"2026-12-31T23:59:59.123Z", b"soon"),
    b"createdAt": (b"", b"1700000000000"),
}


class Row(NamedTuple):
    """A row with the number of its first line. `cells` is None if the row is unreadable.

    `length` includes the CR of the line end, which does not belong to the row.
    """

    line: int
    raw: bytes
    cells: list[str] | None
    length: int


def draw_table(
    grammar: Grammar, delimiter: bytes, keys: Sequence[bytes], others: Sequence[bytes]
) -> bytes:
    """Draw a table with columns of keys, other data and members of records, or nearly a table."""
    settings = (name for name in _TEXTS if grammar.once_in(4))
    columns = list(dict.fromkeys((*keys, *others, *settings)))
    if grammar.once_in(3):
        grammar.chance.shuffle(columns)
    if grammar.once_in(25):
        columns.append(grammar.one_of((b"", columns[0], b"other", b"\xff", b'"')))
    if grammar.once_in(25):
        del columns[0]
    rows = [[_quoted(grammar, name, delimiter) for name in columns]]
    for _ in range(grammar.up_to(7)):
        cells = [_drawn_cell(grammar, name, is_key=name in keys) for name in columns]
        if grammar.once_in(20):
            cells.append(b"more")
        rows.append([_quoted(grammar, cell, delimiter) for cell in cells])
        if cells and grammar.once_in(40):
            rows[-1][0] = b"\xef\xbb\xbf" + rows[-1][0]
        if grammar.once_in(40):
            rows.append(rows[0])
    end = b"\r\n" if grammar.once_in(3) else b"\n"
    lines = [delimiter.join(row) + (end * 2 if grammar.once_in(10) else end) for row in rows]
    if grammar.once_in(12):
        named = grammar.one_of((delimiter, delimiter, b";"))
        lines.insert(
            0, grammar.one_of((b"sep=%b", b'"sep=%b"', b"SEP=%b;;", b"sep=%b ")) % named + end
        )
    text = b"".join(lines)
    if grammar.once_in(3):
        text = text.removesuffix(end)
    if grammar.once_in(6):
        text = b"\xef\xbb\xbf" + text
    return grammar.mutated(text) if grammar.once_in(6) else text


def _drawn_cell(grammar: Grammar, name: bytes, *, is_key: bool) -> bytes:
    if is_key:
        return grammar.key()
    if name in _TEXTS:
        return grammar.one_of(_TEXTS[name])
    return grammar.value() if grammar.once_in(4) else grammar.one_of(_CELLS)


def _quoted(grammar: Grammar, cell: bytes, delimiter: bytes) -> bytes:
    needs = any(mark in cell for mark in (delimiter, b'"', b"\n", b"\r"))
    if (needs and not grammar.once_in(25)) or grammar.once_in(5):
        return b'"%b"' % cell.replace(b'"', b'""')
    return cell


def named_delimiter(text: bytes) -> tuple[bytes | None, bytes]:
    """Return the delimiter that the first line names, as in `sep=;`, and the lines after it."""
    line, _, rest = text.partition(b"\n")
    shown = line.removesuffix(b"\r")
    for code in set(range(1, 128)) - set(b'\n\r"'):
        mark = bytes([code])
        for quote in (b"", b'"'):
            frame = quote + b"sep=" + mark + quote
            start, after = shown[: len(frame)], shown[len(frame) :]
            same = start.endswith(mark + quote) and start.lower() == frame.lower()
            if same and not after.strip(b",;\t"):
                return mark, rest
    return None, text


def rows_of(text: bytes, delimiter: bytes, *, first: int = 1, has_quotes: bool = True) -> list[Row]:
    """Return all rows that are not blank, the header first. `first`: the first line's number."""
    if not has_quotes:
        return [
            Row(number, raw.removesuffix(b"\r"), _plain_cells(raw, delimiter), len(raw))
            for number, raw in enumerate(text.split(b"\n"), first)
            if raw.strip(_WHITE)
        ]
    found: list[Row] = []
    line, at = first, 0
    while at < len(text):
        end, is_closed = _row_end(text, at, delimiter)
        raw = text[at:end]
        if b'"' in raw or raw.strip(_WHITE):
            # An unclosed cell reaches to the end of the text, without the last line end.
            whole = raw if is_closed else raw.removesuffix(b"\n")
            raw = whole.removesuffix(b"\r")
            cells = _cells(raw, delimiter) if is_closed else None
            found.append(Row(line, raw, cells, len(whole)))
        line += 1 + text[at:end].count(b"\n")
        at = end + 1
    return found


def _plain_cells(raw: bytes, delimiter: bytes) -> list[str] | None:
    try:
        text = raw.removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if text.startswith("\ufeff") else text.split(delimiter.decode())


def _row_end(text: bytes, at: int, delimiter: bytes) -> tuple[int, bool]:
    """Return the end of the row that begins here, and whether all its quotes are closed."""
    starts, inside = True, False
    while at < len(text):
        mark = text[at : at + 1]
        if inside:
            if mark == b'"' and text[at + 1 : at + 2] == b'"':
                at += 1
            elif mark == b'"':
                inside = False
        elif mark == b'"' and starts:
            inside = True
        elif mark == b"\n":
            return at, True
        starts = not inside and mark == delimiter
        at += 1
    return at, not inside


def _cells(raw: bytes, delimiter: bytes) -> list[str] | None:
    try:
        text, mark = raw.decode("utf-8"), delimiter.decode()
    except UnicodeDecodeError:
        return None
    if text.startswith("\ufeff"):
        return None  # left by joining files
    cells, at = [], 0
    while True:
        if text[at : at + 1] == '"':
            end = at + 1
            while text[end] != '"' or text[end + 1 : end + 2] == '"':
                end += 2 if text[end] == '"' else 1
            cell, at = text[at + 1 : end].replace('""', '"'), end + 1
            if text[at : at + 1] not in ("", mark):
                return None
        else:
            end = text.find(mark, at)
            cell, at = (text[at:], len(text)) if end < 0 else (text[at:end], end)
        cells.append(cell)
        if at >= len(text):
            return cells
        at += 1


def header_fault(header: Row, needed: Sequence[str], *, is_record: bool) -> bool:
    """Return whether the first row cannot be a header. `is_record`: only members of records."""
    names = header.cells
    if names is None or "" in names or len(set(names)) < len(names) or set(needed) - set(names):
        return True
    if b'"' not in header.raw and any("\r" in name for name in names):
        return True  # as in a table whose lines end in CR alone
    return is_record and bool(set(names) - _COLUMNS)
