"""Rows that are read in blocks equal rows that are read one by one, for any bytes."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import Identity, Problem, Record
from kvsctl.records.cutting import csv_blocks, rows
from kvsctl.records.cutting.csv_blocks import Block, BlockReader
from kvsctl.records.cutting.lines import Line
from kvsctl.records.cutting.rows import split_rows
from kvsctl.records.fast.columns import common_rows_reader
from kvsctl.records.formats import Format, Forms
from kvsctl.records.parsed import Parsed
from kvsctl.records.parser_choice import key_parsers, set_parsers
from kvsctl.records.parsing.header import Header
from kvsctl.records.parsing.records import Rules
from kvsctl.records.parsing.tables import table_key_parser
from kvsctl.records.reader import ParserChoice, Reader
from kvsctl.records.shapes import RECORDS, Shape, shape_of
from kvsctl.records.sources import File
from tests.support.chunks import cut_into

CUTS = st.lists(st.integers(0, 200), max_size=5)
MARKS = ["a", "b1", '"', '"', '""', '"c"', ",", ",", "\n", "\n", "\r\n", "\r", " ", "\t", "/"]
ODDITIES = ["\x7f", "\\", "null", "7", "\u2028", "\x85", "\x1c", "\0", "é", '"d,\ne"']
ROWS = ["k,v\n", 'k,"v\n\nw"\r\n']
PARTS = st.sampled_from([*MARKS, *ODDITIES, *ROWS])
TEXTS = st.lists(PARTS, max_size=25).map("".join).map(str.encode)
BYTES = st.one_of(TEXTS, st.tuples(TEXTS, st.binary(max_size=2), TEXTS).map(b"".join))
CHOICES: list[tuple[ParserChoice, Shape]] = [
    (set_parsers(Rules(), string=False), RECORDS),
    (set_parsers(Rules(entity="abc"), string=False), RECORDS),
    (set_parsers(Rules(), Shape(infer_types=True), string=False), Shape(infer_types=True)),
    (set_parsers(Rules(), shape_of(key="u:{key}"), string=False), shape_of(key="u:{key}")),
    (key_parsers(Rules()), RECORDS),
]


@dataclass(slots=True)
class _Chunked(File):
    """A file that is read in the given chunks."""

    given: Sequence[bytes] = field(default=(), kw_only=True)

    def _chunks(self) -> Iterator[bytes]:
        return iter(self.given)


def said(piece: Record | Problem) -> tuple[object, ...]:
    return tuple(getattr(piece, name) for name in piece.__struct_fields__)


def read(content: bytes, cuts: list[int], chosen: int, form: Format) -> list[tuple[object, ...]]:
    choose, shape = CHOICES[chosen]
    chunks = list(cut_into(content, cuts))
    file = _Chunked(Path("f"), forms=Forms(given=form, shape=shape), given=chunks)
    return [said(piece) for pieces in Reader([file], choose) for piece in pieces]


class _None(BlockReader):
    def read(self, text: str, number: int) -> Iterator[Block]:
        return iter(())


@given(BYTES, CUTS, st.integers(0, 4), st.sampled_from([Format.CSV, Format.TSV]), st.integers(1, 3))
@example(b'a,1\r\r\nb,"2"\n', [], 0, Format.CSV, 3)
@example(b'a,"1"\r\r\nb,2\n', [], 0, Format.CSV, 3)
@example(b'5" a,2\nb,"3\n4"\n', [], 0, Format.CSV, 1)
@example(b'\t\nb\t"3"\n', [], 2, Format.TSV, 2)
@example(b"a\t1\n\t\n \t \nb\t3\n", [], 3, Format.TSV, 2)
def test_blocks_and_single_rows_give_the_same_records(
    content: bytes, cuts: list[int], chosen: int, form: Format, block_rows: int
) -> None:
    header = b"key,value\n" if form is Format.CSV else b"value\tkey\n"
    with mock.patch.object(csv_blocks, "BLOCK_ROWS", block_rows):
        found = read(header + content, cuts, chosen, form)
    with mock.patch.object(rows, "BlockReader", _None):
        assert found == read(header + content, [], chosen, form)


@given(
    st.lists(st.lists(st.text(max_size=4), min_size=1, max_size=4), min_size=1, max_size=6),
    st.sampled_from([(0, 1), (1, 0), (2, 1)]),
)
@example([["a", '"\\/\x00\x1f\x7f\u2028'], ["a" * 501, "b"], ["", "c"], ["é", "d"]], (0, 1))
@example([["a", "b" * 240 * 1024], ["b", "c"]], (0, 1))
@example([["b", "c"], ["a", ""], ["a", "c"]], (0, 1))
def test_columns_give_the_same_result_as_each_row(
    table: list[list[str]], places: tuple[int, int]
) -> None:
    names = ["a", "", "c"][: max(places) + 1]
    count = len(names)
    keys, bodies, others = common_rows_reader(names, *places, DEFAULT_LIMITS)(table)
    assert len(keys) == len(bodies) == len(table)
    for place, row in enumerate(table):
        if place in others:
            continue
        key, value = row[places[0]], row[places[1]]
        assert len(row) == count
        assert row != names
        assert keys[place] == key
        assert bodies[place] == msgspec.json.encode({"key": key, "value": value})
        assert msgspec.json.decode(bodies[place]) == {"key": key, "value": value}


@given(st.lists(st.lists(st.text("ab\t \ufeffé", max_size=3), min_size=1, max_size=3), min_size=1))
@example([["key", "a"], ["a", ""], ["b", "1"], ["c"]])
def test_keys_of_columns_are_those_of_each_row(table: list[list[str]]) -> None:
    header = Header("in", Line(1, b"key,a"), ",")
    parser = table_key_parser(header, Rules(), Shape())
    assert parser.common is not None
    keys, bodies, others = parser.common(table)
    for place, row in enumerate(table):
        if place not in others:
            assert parser.of_cells(row) == Parsed(Identity(None, keys[place]), bodies[place])


def test_columns_accept_every_common_row() -> None:
    read_rows = common_rows_reader(["key", "value"], 0, 1, DEFAULT_LIMITS)
    table = [["a", "1"], ["b/", "2"], ["c"], ["", "4"], ["k" * 501, "5"], ["f", "6" * 300_000]]
    table += [["key", "value"], ["key", "1"]]
    assert sorted(set(read_rows(table).others)) == [1, 2, 3, 4, 5, 6]


def quick_rows(content: bytes) -> int:
    arrived = split_rows(iter([content]), ",")
    return sum(len(several) for several in arrived if isinstance(several, Block))


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (b"a,1\nb,2\n", 2),
        (b"a,1\r\nb,2\r\n", 2),
        (b'a,"1"\r\nb,"2""3"\r\n', 2),
        (b'a,"1\r\n\n2"\nb,3\n', 2),
        (b'a,1\nb,"2"\nc,"3\n', 2),
        (b'a,1\nb,"\xff"\n', 0),
        (b'a,1\nb,"2"3\n', 0),
        (b'a,1\n\nb,"2"\n', 0),
        (b'a,"1"\r\r\n', 0),
        (b'a,"%b"\n' % (b"x" * (csv.field_size_limit() + 1)), 0),
    ],
)
def test_which_rows_are_read_at_once(content: bytes, count: int) -> None:
    assert quick_rows(content) == count


def test_a_block_is_a_sequence_of_its_rows() -> None:
    (block,) = BlockReader(",").read('a,"1\n\n2"\r\nb,"3"\nc,4\r', 7)
    lines = [(7, b'a,"1\n\n2"'), (10, b'b,"3"'), (11, b"c,4")]
    assert [(line.number, line.text) for line in block] == lines
    assert [(line.number, line.text) for line in block[1:]] == lines[1:]
    assert [(line.number, line.text) for line in block[1:2]] == lines[1:2]
    assert block[-1].text == b"c,4"
    assert list(block[3:]) == []
    with pytest.raises(ValueError, match="follow each other"):
        block[::2]
    with pytest.raises(IndexError):
        block[3]
