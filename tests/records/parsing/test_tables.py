import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import StreamError, UsageError
from kvsctl.model import Identity, Problem, Record
from kvsctl.records.formats import Forms
from kvsctl.records.parser_choice import key_parsers, set_parsers
from kvsctl.records.reader import Reader
from kvsctl.records.rules import Rules
from kvsctl.records.shapes import RECORDS, Shape, shape_of
from kvsctl.records.sources import Arguments, File
from kvsctl.records.ttl import Ttl
from tests.support.jsontexts import LEGAL_KEYS, NOT_NULL
from tests.support.records import moment

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def read(
    folder: Path,
    content: str | bytes,
    shape: Shape = RECORDS,
    name: str = "f.csv",
    **rules: Any,
) -> list[Record | Problem]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    choose = set_parsers(Rules(epoch=lambda: NOW, **rules), shape, string=False)
    reader = Reader([File(path, forms=Forms(shape=shape))], choose)
    return [piece for pieces in reader for piece in pieces]


def bodies(pieces: list[Record | Problem]) -> list[str]:
    assert all(isinstance(piece, Record) for piece in pieces), pieces
    return [piece.body.decode() for piece in pieces if isinstance(piece, Record)]


def problem(pieces: list[Record | Problem]) -> Problem:
    (found,) = [piece for piece in pieces if isinstance(piece, Problem)]
    return found


class TestRecords:
    def test_cells_are_strings_in_columns_of_any_order(self, folder: Path) -> None:
        pieces = read(folder, 'value,key\r\n1,a\r\n"x\n""y""",b\r\n,c\r\nü,d')
        assert bodies(pieces) == [
            '{"key":"a","value":"1"}',
            r'{"key":"b","value":"x\n\"y\""}',
            '{"key":"c","value":""}',
            '{"key":"d","value":"ü"}',
        ]
        assert [piece.origin.line for piece in pieces] == [2, 3, 5, 6]

    def test_inferred_types_keep_their_exact_bytes(self, folder: Path) -> None:
        content = (
            'key,value\na,1.0\nb,9007199254740993\nc,true\nd,"{""b"":1,""b"":2e400}"\ne,01\nf,\n'
        )
        assert bodies(read(folder, content, Shape(infer_types=True))) == [
            '{"key":"a","value":1.0}',
            '{"key":"b","value":9007199254740993}',
            '{"key":"c","value":true}',
            '{"key":"d","value":{"b":1,"b":2e400}}',
            '{"key":"e","value":"01"}',
            '{"key":"f","value":""}',
        ]

    def test_an_inferred_null_is_not_a_valid_value(self, folder: Path) -> None:
        found = problem(read(folder, "key,value\na,null\n", Shape(infer_types=True)))
        assert (found.code, found.raw) == ("INVALID_VALUE", b'{"key":"a","value":null}')

    def test_other_columns_mean_what_they_mean_in_a_record(self, folder: Path) -> None:
        content = (
            "key,value,entityName,ttl,expireTime,createdAt\n"
            "a,{},abc,7d,,5\n"
            "b,{},,,2026-01-02T00:00:00Z,\n"
            "c,{},,,,\n"
        )
        shape = Shape(infer_types=True)
        pieces = read(folder, content, shape, ttl=Ttl(1, "HOURS"), entity="xyz")
        assert bodies(pieces) == [
            '{"key":"a","entityName":"abc","value":{},"options":{"ttl":{"value":7,"unit":"DAYS"}}}',
            '{"key":"b","entityName":"xyz","value":{}}',
            '{"key":"c","entityName":"xyz","value":{},"options":{"ttl":{"value":1,"unit":"HOURS"}}}',
        ]
        assert [piece.expires_at for piece in pieces if isinstance(piece, Record)] == [
            None,
            moment(NOW + 86_400),
            None,
        ]

    def test_a_cell_in_an_entity_must_be_an_object(self, folder: Path) -> None:
        found = problem(read(folder, "key,value\na,1\n", entity="xyz"))
        assert (found.code, found.origin.line) == ("INVALID_ENTITY_VALUE", 2)

    def test_tabs_and_other_delimiters(self, folder: Path) -> None:
        assert bodies(read(folder, "key\tvalue\na\t1,2\n", name="f.tsv")) == [
            '{"key":"a","value":"1,2"}'
        ]
        assert bodies(read(folder, "key;value\na;1,2\n", Shape(delimiter=";"))) == [
            '{"key":"a","value":"1,2"}'
        ]


class TestProblems:
    @pytest.mark.parametrize(
        ("row", "code", "message"),
        [
            (b"a,1,2", "INVALID_JSON", "the row has 3 cells: the header has 2"),
            (b"a", "INVALID_JSON", "the row has 1 cell: the header has 2"),
            (b"a,\xff", "INVALID_JSON", "invalid UTF-8 at byte 3 of the row"),
            (b'a,"1"2', "INVALID_JSON", "a quoted cell is not closed"),
        ],
    )
    def test_an_unreadable_row_is_kept_and_affects_no_other(
        self, folder: Path, row: bytes, code: str, message: str
    ) -> None:
        pieces = read(folder, b'key,value\n"b","\n"\n' + row + b"\nc,3\n")
        found = problem(pieces)
        assert (found.position, str(found.origin)) == (1, f"{folder}/f.csv:4")
        assert (found.code, found.raw, found.readable) == (code, row, False)
        assert found.message.startswith(message)
        assert len(pieces) == 3

    @pytest.mark.parametrize(
        ("row", "code", "raw"),
        [
            (b",1,", "EMPTY_KEY", b'{"key":"","value":"1"}'),
            (b"a/b,1,", "INVALID_KEY", b'{"key":"a/b","value":"1"}'),
            (b"a\0,1,", "INVALID_KEY", b'{"key":"a\\u0000","value":"1"}'),
            (b"a,1,7", "INVALID_TTL", b'{"key":"a","value":"1","ttl":"7"}'),
        ],
    )
    def test_a_row_that_breaks_a_rule_is_kept_as_a_record(
        self, folder: Path, row: bytes, code: str, raw: bytes
    ) -> None:
        found = problem(read(folder, b"key,value,ttl\n" + row))
        assert (found.code, found.raw, found.readable) == (code, raw, True)

    def test_a_cell_longer_than_the_csv_module_allows_is_read(self, folder: Path) -> None:
        found = problem(read(folder, 'key,value\na,"' + "x" * 300_000 + '"\n'))
        assert found.code == "MAX_SIZE"


class TestHeaders:
    @pytest.mark.parametrize(
        ("header", "name"),
        [("key, value", "value"), ("key,value,TTL", "ttl"), ("key,Value", "value")],
    )
    def test_an_unknown_column_that_is_nearly_one_is_corrected(
        self, folder: Path, header: str, name: str
    ) -> None:
        with pytest.raises(UsageError) as caught:
            read(folder, f"{header}\na,1,2\n")
        assert caught.value.hint == f'Names must match exactly: write "{name}".'

    @pytest.mark.parametrize(
        ("header", "hint"),
        [
            ('"key";"value"', "--delimiter ';'"),
            ('\ufeff"key"\t"value"', r"--delimiter '\t'"),
            ('"key"|"the ""value"""', "--delimiter '|'"),
            ('"key";"value', None),
            ('"key" ,"value"', None),
        ],
    )
    def test_a_delimiter_between_quoted_names_is_found(
        self, folder: Path, header: str, hint: str | None
    ) -> None:
        with pytest.raises(UsageError, match="not a valid header") as caught:
            read(folder, f'{header}\n"a";"1"\n')
        expected = hint and f"The columns are separated by another delimiter: {hint}"
        assert caught.value.hint == expected

    @pytest.mark.parametrize(
        ("header", "message"),
        [
            ("key,value,key", 'f.csv:1: duplicate column "key"'),
            ("key,,value", "f.csv:1: column 2 has no name"),
            ("id,value", 'f.csv:1: no column "key"'),
            ("key,v", 'f.csv:1: unknown column "v"'),
            ("key", 'f.csv:1: no column "value"'),
            ('key,"value', "f.csv:1: not a valid header: a quoted cell is not closed"),
            ("key,value\ra,b\r", "f.csv:1: the name of column 2 contains a CR"),
            ("key,value\r\r", "f.csv:1: the name of column 2 contains a CR"),
        ],
    )
    def test_an_unusable_header_ends_reading(self, folder: Path, header: str, message: str) -> None:
        with pytest.raises(UsageError) as caught:
            read(folder, f"{header}\n1,2,3\n")
        assert message in caught.value.message

    def test_an_unusable_header_after_other_input_is_a_stream_error(self, folder: Path) -> None:
        path = folder / "f.csv"
        path.write_text("id,value\n1,2\n")
        reader = Reader([Arguments(["a=1"]), File(path)], set_parsers(Rules(), string=False))
        pieces = iter(reader)
        assert len(next(pieces)) == 1
        with pytest.raises(StreamError, match='no column "key"'):
            next(pieces)

    def test_a_quoted_name_may_hold_a_cr(self, folder: Path) -> None:
        shape = shape_of(key_field="id")
        assert bodies(read(folder, 'id,"a\rb"\n7,x\n', shape)) == [
            '{"key":"7","value":{"id":"7","a\\rb":"x"}}'
        ]

    def test_a_header_alone_has_no_records(self, folder: Path) -> None:
        assert read(folder, "key,value\n") == []
        assert read(folder, "") == []


class TestShapes:
    def test_the_whole_row_is_the_value_if_no_value_field_is_given(self, folder: Path) -> None:
        shape = shape_of(key="user:{id}-{n}", infer_types=True)
        assert bodies(read(folder, "id,n,ttl\n7,x,1.0\n", shape)) == [
            '{"key":"user:7-x","value":{"id":7,"n":"x","ttl":1.0}}'
        ]

    def test_with_a_value_field_other_columns_are_ignored(self, folder: Path) -> None:
        shape = shape_of(key_field="id", value_field="v")
        assert bodies(read(folder, "id,n,v,ttl\n7,x,1.0,7d\n", shape)) == [
            '{"key":"7","value":"1.0","options":{"ttl":{"value":7,"unit":"DAYS"}}}'
        ]

    def test_a_key_cannot_be_made_from_an_empty_cell(self, folder: Path) -> None:
        found = problem(read(folder, "id,n\n,x\n", shape_of(key="user:{id}")))
        assert (found.code, found.raw, found.readable) == ("EMPTY_KEY", b",x", False)


class TestKeys:
    def test_rows_as_keys(self, folder: Path) -> None:
        path = folder / "f.csv"
        path.write_text('key,n,entityName\na,1,abc\n"b",2,\nc/,3,\n')
        forms = Forms(has_values=False)
        reader = Reader([File(path, forms=forms)], key_parsers(Rules(entity="xyz")))
        one, two, bad = [piece for pieces in reader for piece in pieces]
        assert (one.identity, two.identity) == (Identity("abc", "a"), Identity("xyz", "b"))
        assert isinstance(bad, Problem)
        assert (bad.code, bad.raw) == ("INVALID_KEY", b'{"key":"c/","entityName":"xyz"}')


@given(st.lists(st.tuples(LEGAL_KEYS, NOT_NULL), min_size=1, max_size=5))
def test_every_key_and_value_survives_a_table(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]
) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([("key", "value"), *pairs])
    found = bodies(read(tmp_path_factory.getbasetemp(), out.getvalue(), Shape(infer_types=True)))
    assert found == [f'{{"key":{json.dumps(key)},"value":{value}}}' for key, value in pairs]
