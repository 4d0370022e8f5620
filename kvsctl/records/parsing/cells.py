"""Split a row of a table into the texts of its cells."""

import csv
import re
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from kvsctl import codes, jsontext
from kvsctl.model import Cause
from kvsctl.records.checks import Breach
from kvsctl.records.cutting.csv_blocks import BYTE_ORDER_MARK

Cells: TypeAlias = Callable[[bytes], list[str] | Breach]

_SCALAR: Final = re.compile(
    r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null"
).fullmatch


def cells_reader(delimiter: str, *, has_quotes: bool = True) -> Cells:
    """Return a function that splits a row, as cut by `rows.split_rows`, into cells.

    Unless `has_quotes` is False, a cell that starts with a quote ends at its closing quote; two
    quotes inside it stand for one. In any other cell a quote is an ordinary character. White space
    belongs to the cell. For a row that breaks these rules, is not UTF-8 or begins with a byte order
    mark, the function returns a Breach (`INVALID_JSON`, as for all input that cannot be read).
    """
    mark = re.escape(delimiter)
    quoted = r'"([^"]*+(?:""[^"]*+)*+)"'
    cell = rf"(?:\A|{mark})(?:{quoted}|([^{mark}\"][^{mark}]*+|))(?={mark}|\Z)"
    find_cells = re.compile(cell).findall
    is_row = re.compile(
        rf"(?:{quoted}|[^{mark}\"][^{mark}]*+|)(?:{mark}(?:{quoted}|[^{mark}\"][^{mark}]*+|))*+"
    ).fullmatch

    # One reader for all rows, because creating one costs more than reading a row. It
    # carries no state from one row to the next.
    given: deque[str] = deque()
    quick = csv.reader(iter(given.popleft, None), delimiter=delimiter, strict=True)

    def read(row: bytes) -> list[str] | Breach:
        try:
            text = row.decode()
        except UnicodeDecodeError as error:
            return Breach(
                codes.INVALID_JSON,
                f"invalid UTF-8 at byte {error.start + 1} of the row",
                Cause.ENCODING,
            )
        if text.startswith(BYTE_ORDER_MARK):
            return Breach(
                codes.INVALID_JSON,
                "the row begins with a byte order mark (U+FEFF): files were joined; remove it",
                Cause.MARK,
            )
        if not has_quotes or '"' not in text:
            return text.split(delimiter)
        if "\r" not in text:
            given.append(text)
            try:
                return next(quick)
            except (csv.Error, IndexError):
                pass  # the row is wrong, or only too long for the csv module: decided below
        if not is_row(text):
            return Breach(
                codes.INVALID_JSON,
                "a quoted cell is not closed, or text follows its closing quote: "
                "write a quote inside a quoted cell as two quotes",
                Cause.QUOTES,
            )
        return [quoted.replace('""', '"') or plain for quoted, plain in find_cells(text)]

    return read


def json_of_cell(cell: str) -> bytes | None:
    """Return the JSON for a cell under `--infer-types`: valid JSON unchanged, else a string.

    JSON is a number, true, false, null, an object, an array or a string in JSON quotes. A cell
    with outer white space becomes a string. Return None if the cell nests deeper than
    `jsontext.PARSER_DEPTH`.
    """
    if _SCALAR(cell):
        return cell.encode()
    if cell[:1] in ("{", "[", '"') and cell[-1:] in ("}", "]", '"'):
        text = cell.encode()
        if jsontext.depth_exceeds(text, jsontext.PARSER_DEPTH):
            return None
        try:
            return jsontext.value(text)
        except jsontext.JsonTextError:
            pass
    return jsontext.string(cell)
