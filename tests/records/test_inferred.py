"""Where the columns of tables have strings, and where other values, if types are inferred."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvsctl.errors import UsageError
from kvsctl.model import Record
from kvsctl.records.formats import Forms
from kvsctl.records.inferred import ColumnTypes, InferredTypes
from kvsctl.records.parser_choice import set_parsers
from kvsctl.records.parsing.cells import json_of_cell
from kvsctl.records.reader import Reader
from kvsctl.records.rules import Rules
from kvsctl.records.shapes import Shape, shape_of
from kvsctl.records.sources import File

_SHAPE = shape_of(key="k:{id}", infer_types=True)
_CELLS = st.sampled_from(
    ["", "01234", "10115", "-1.5e3", "a", "12a", "null", "nul", "{}", "[1]", "[1", '"x"', '""']
)
_ROWS = st.lists(st.tuples(_CELLS, _CELLS, _CELLS), min_size=1, max_size=12)


def _reader(paths: Sequence[Path], shape: Shape = _SHAPE) -> Reader:
    files = [File(path, forms=Forms(shape=shape)) for path in paths]
    reader = Reader(files, set_parsers(Rules(), shape, string=False))
    assert all(isinstance(piece, Record) for pieces in reader for piece in pieces)
    return reader


def _file(folder: Path, rows: Sequence[Sequence[str]], names: str = "id,a,b,c") -> Path:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    path = folder / "f.csv"
    path.write_text(f"{names}\n{out.getvalue()}", "utf-8")
    return path


def _lines(column: ColumnTypes) -> tuple[int | None, int | None]:
    found = (column.string, column.other)
    first, other = (None if one is None else one.line for one in found)
    return first, other


def _expected(cells: Sequence[str]) -> tuple[int | None, int | None]:
    texts = list(enumerate(map(json_of_cell, cells), 2))
    strings = (line for line, text in texts if text and text[:1] == b'"' and text != b'""')
    others = (line for line, text in texts if text and text[:1] != b'"')
    return next(strings, None), next(others, None)


@given(_ROWS)
@example([("01234", "", "1"), ("10115", "x", "{}")])
@example([('"x"', "{}", ""), ("{}", '"x"', "")])
def test_the_first_of_each_kind_is_known_by_its_line(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    path = _file(tmp_path_factory.getbasetemp(), [(f"r{n}", *row) for n, row in enumerate(rows)])
    columns = _reader([path]).columns
    for name, cells in zip("abc", zip(*rows, strict=True), strict=True):
        assert _lines(columns[name]) == _expected(cells)
        assert columns[name].is_mixed == (None not in _expected(cells))


@given(_ROWS)
def test_a_row_alone_is_known_as_in_a_block(rows: list[tuple[str, str, str]]) -> None:
    alone, many = ColumnTypes("a"), ColumnTypes("a")
    texts = [text for row in rows for cell in row if (text := json_of_cell(cell)) is not None]
    for number, text in enumerate(texts):
        alone.saw([text])
        InferredTypes([None, alone]).locate("f", [number])
    many.saw(texts)
    many.locate("f", range(len(texts)))
    assert _lines(alone) == _lines(many)


def test_a_row_that_is_read_alone_is_known_by_its_line(tmp_path: Path) -> None:
    """The fast path leaves an escape to the careful one, and a row may have two lines."""
    odd = '["\\ud800"]'
    rows = [("1", "x", "", ""), ("2", odd, "01", "\nz"), ("3", "5", "5", "5")]
    columns = _reader([_file(tmp_path, rows)]).columns
    assert _lines(columns["a"]) == (2, 5), "the fast path is first"
    assert _lines(_reader([_file(tmp_path, rows[:2])]).columns["a"]) == (2, 3)
    assert _lines(columns["b"]) == (3, 5)
    assert _lines(columns["c"]) == (3, 5)


def test_several_files_are_one_table_and_a_second_reading_starts_anew(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, cell in zip(folders, ("01234", "10115"), strict=True):
        folder.mkdir()
        _file(folder, [("1", cell)], "id,plz")
    reader = _reader([folder / "f.csv" for folder in folders])
    plz = reader.columns["plz"]
    assert (str(plz.string), str(plz.other)) == tuple(f"{one / 'f.csv'}:2" for one in folders)
    first = next(iter(reader))
    assert len(first) == 1
    assert not reader.columns["plz"].is_mixed


def test_only_named_columns_are_parsed(tmp_path: Path) -> None:
    path = _file(tmp_path, [("1", "2", "3", "04"), ("5", "06", "7", "8")])
    shape = shape_of(key="k:{id}", infer_types=True, typed_columns='c,"b"')
    reader = _reader([path], shape)
    bodies = [piece.body for pieces in reader for piece in pieces if isinstance(piece, Record)]
    assert bodies == [
        b'{"key":"k:1","value":{"id":"1","a":"2","b":3,"c":"04"}}',
        b'{"key":"k:5","value":{"id":"5","a":"06","b":7,"c":8}}',
    ]
    assert {name: one.is_mixed for name, one in reader.columns.items()} == {"b": False, "c": True}


def test_a_value_has_one_column(tmp_path: Path) -> None:
    path = _file(tmp_path, [("1", "01"), ("02", "2")], "key,value")
    assert list(_reader([path], Shape(infer_types=True)).columns) == ["value"]
    assert _reader([path], Shape()).columns == {}


@pytest.mark.parametrize("text", ["", "a,,b", '"a', ","])
def test_what_is_not_a_list_of_columns_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a list of columns"):
        shape_of(infer_types=True, typed_columns=text)


def test_a_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    shape = shape_of(key="{id}", infer_types=True, typed_columns="B")
    with pytest.raises(UsageError, match='no column "B"'):
        _reader([_file(tmp_path, [("1", "2")], "id,b")], shape)
