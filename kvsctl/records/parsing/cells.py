"""A row of a table as the texts of its cells."""

import csv
import re
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from kvsctl import codes, jsontext
from kvsctl.records.checks import Breach

Cells: TypeAlias = Callable[[bytes], list[str] | Breach]

_SCALAR: Final = re.compile(
    r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null"
).fullmatch


def cells_reader(delimiter: str) -> Cells:
    """Reads rows as `rows.split_rows` cuts them.

    A cell that begins with a quote ends at its other; two quotes within stand for one. In any
    other cell quotes are themselves. White space belongs to the cell. A row that breaks this, or
    is not UTF-8, is a Breach (`INVALID_JSON`, as for all input that cannot be read).
    """
    mark = re.escape(delimiter)
    quoted = r'"([^"]*+(?:""[^"]*+)*+)"'
    cell = rf"(?:\A|{mark})(?:{quoted}|([^{mark}\"][^{mark}]*+|))(?={mark}|\Z)"
    find_cells = re.compile(cell).findall
    is_row = re.compile(
        rf"(?:{quoted}|[^{mark}\"][^{mark}]*+|)(?:{mark}(?:{quoted}|[^{mark}\"][^{mark}]*+|))*+"
    ).fullmatch

    # One reader for all rows, as making one costs more than a row; it begins each anew.
    given: deque[str] = deque()
    quick = csv.reader(iter(given.popleft, None), delimiter=delimiter, strict=True)

    def read(row: bytes) -> list[str] | Breach:
        try:
            text = row.decode()
        except UnicodeDecodeError as error:
            return Breach(codes.INVALID_JSON, f"not UTF-8 at byte {error.start + 1} of the row")
        if '"' not in text:
            return text.split(delimiter)
        if "\r" not in text:
            given.append(text)
            try:
                return next(quick)
            except (csv.Error, IndexError):
                pass  # what is wrong, or only too long for it, is seen below
        if not is_row(text):
            return Breach(
                codes.INVALID_JSON,
                "a quoted cell is not closed, or text follows its quote: write a quote within "
                "as two",
            )
        return [quoted.replace('""', '"') or plain for quoted, plain in find_cells(text)]

    return read


def json_of_cell(cell: str) -> bytes | None:
    """The JSON that a cell is, to the byte, else the cell as a string: `--infer-types`.

    A number, true, false, null, an object, an array or a string in JSON's quotes; with white
    space around it, it is none of these. None: it nests too deep for any parser.
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
