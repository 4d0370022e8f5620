"""Rows that are read in blocks equal rows that are read one by one, for any bytes."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvsctl.model import Problem, Record
from kvsctl.records.cutting import csv_blocks, rows
from kvsctl.records.cutting.csv_blocks import Block, BlockReader
from kvsctl.records.cutting.rows import split_rows
from kvsctl.records.formats import Format, Forms
from kvsctl.records.parser_choice import key_parsers, set_parsers
from kvsctl.records.reader import ParserChoice, Reader
from kvsctl.records.rules import Rules
from kvsctl.records.shapes import RECORDS, Shape, shape_of
from kvsctl.records.sources import File
from tests.records.cutting.chunks import cut_into

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


class _Chunked(File, kw_only=True):
    """A file that is read in the given chunks."""

    given: Sequence[bytes] = ()

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
