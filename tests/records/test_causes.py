"""The cause of a line that is not a record, by which the advice is chosen."""

from pathlib import Path

import pytest

from kvsctl.model import Cause, Problem, Record
from kvsctl.records.cutting.lines import MAX_LINE_BYTES
from kvsctl.records.formats import Format, Forms
from kvsctl.records.parsed import Rejected
from kvsctl.records.parser_choice import key_parsers, set_parsers
from kvsctl.records.parsing.records import set_line_parser
from kvsctl.records.reader import ParserChoice, Reader
from kvsctl.records.rules import Rules
from kvsctl.records.shapes import Shape, shape_of
from kvsctl.records.sources import Arguments, File

SHAPED = shape_of(key_field="_id")
GOOD = b'{"key":"a","value":1}'


def cause_of(line: bytes, shape: Shape | None = None, *, is_table: bool = False) -> Cause | None:
    """Read a line after a good one, so that it is not the start of a document."""
    return problem(line, shape, is_table=is_table).cause


def problem(line: bytes, shape: Shape | None = None, *, is_table: bool = False) -> Problem:
    shape = shape or Shape()
    first = b"key,value\nz,1" if is_table else GOOD
    if shape is SHAPED:
        first = b'{"_id":"a"}'
    forms = Forms(Format.CSV if is_table else Format.JSONL, shape)
    source = Given(Path("in"), forms=forms, content=first + b"\n" + line + b"\n")
    pieces = [
        piece
        for several in Reader([source], set_parsers(Rules(), shape, string=False))
        for piece in several
    ]
    assert isinstance(pieces[0], Record)
    assert isinstance(pieces[1], Problem)
    assert pieces[1].code == "INVALID_JSON"
    return pieces[1]


class Given(File, kw_only=True):
    """A file with this content."""

    content: bytes

    def _chunks(self):  # type: ignore[no-untyped-def]
        return iter([self.content])


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (b'{"a":1,"b":2}', Cause.MAP),
        (b'{"Items":[{"key":"a"}]}', Cause.MAP),
        (b'{"key":"a","value":1,"flags":0}', Cause.MEMBERS),
        (b'{"_id":{"$oid":"65aa"},"key":"a","value":1}', Cause.MEMBERS),
        (b'{"value":1}', Cause.NO_KEY),
        (b'{"key":"a"}', Cause.NO_VALUE),
        (b'{"key":7,"value":1}', Cause.KEY_KIND),
        (b'{"key":"a","value":1,"options":[]}', Cause.MEMBER_KIND),
        (b'{"key":"a","value":1,"entityName":7}', Cause.MEMBER_KIND),
        (b'{"raw":"x"}', Cause.RAW),
        (b'{"plan":1,"action":"delete","target":"t","key":"a","hash":"0"}', Cause.PLAN),
        (b'{"plan":1,"key":"a","value":1}', Cause.MEMBERS),
        (GOOD + b",", Cause.COMMA),
        (GOOD + GOOD, Cause.MANY),
        (GOOD + b" " + GOOD, Cause.MANY),
        (b"\x1e" + GOOD, Cause.MANY),
        (GOOD + b"\xef\xbb\xbf" + GOOD, Cause.MARK),
        (GOOD + b"\r" + GOOD, Cause.CR),
        (b'["a",1]', Cause.ARRAY),
        (b'["a",1],', Cause.COMMA),
        (b"{", Cause.DOCUMENT),
        (b"}", Cause.DOCUMENT),
        (b"],", Cause.DOCUMENT),
        (b'  "key": "a",', Cause.DOCUMENT),
        (b'  "value": {', Cause.DOCUMENT),
        (b'  "value": 1', Cause.DOCUMENT),
        (b"\xef\xbb\xbf" + GOOD, Cause.MARK),
        (b'{"key":"a","value":"\xe9"}', Cause.ENCODING),
        (b"{'key': 'a', 'value': 1}", Cause.PYTHON),
        (b'{"key": "a", "value": None}', Cause.PYTHON),
        (b'{"key": "a", "value": NaN}', Cause.PYTHON),
        (b"a;1", Cause.TABLE),
        (b"a,1", Cause.TABLE),
        (b"a\t1", Cause.TABLE),
        (b"just text", None),
        (b'{"key":"a","value":}', None),
        (b'{"key":"a","key":"b","value":1}', None),
        (b'"a"', None),
    ],
)
def test_of_a_line(line: bytes, cause: Cause | None) -> None:
    assert cause_of(line) is cause


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (b'{"_id":{"$oid":"65aa"},"n":1}', Cause.KEY_KIND),
        (b'{"id":"a","n":1}', Cause.NO_KEY),
        (b'{"_id":"a"},', Cause.COMMA),
        (b"[1]", Cause.ARRAY),
    ],
)
def test_of_an_object_of_another_shape(line: bytes, cause: Cause) -> None:
    assert cause_of(line, SHAPED) is cause


def test_the_message_lists_the_members() -> None:
    assert problem(b'{"id":"a","n":1}', SHAPED).message == (
        'the object has no "_id": the key is made from it; its members: "id", "n"'
    )
    many = b"{" + b",".join(b'"m%d":1' % n for n in range(20)) + b"}"
    assert problem(many, SHAPED).message.endswith('"m7", …')
    assert problem(b"{}", SHAPED).message.endswith("; it has no members")


@pytest.mark.parametrize("text", [b"[%b,]", b"[%b,\n]\n", b"[%b,,%b]", b"[,%b]"])
@pytest.mark.parametrize("choose", [set_parsers(Rules(), string=False), key_parsers(Rules())])
def test_of_a_comma_too_many_in_an_array(text: bytes, choose: ParserChoice) -> None:
    source = Given(Path("in.json"), content=text.replace(b"%b", GOOD))
    pieces = [piece for several in Reader([source], choose) for piece in several]
    (found,) = [piece for piece in pieces if isinstance(piece, Problem)]
    assert (found.code, found.cause) == ("INVALID_JSON", Cause.EMPTY)


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (b"key,value", Cause.HEADER),
        (b"\xef\xbb\xbfa,1", Cause.MARK),
        (b"a,1,2", Cause.WIDTH),
        (b"a", Cause.WIDTH),
        (b"a,1\rb,2", Cause.CR),
        (b'a,"1\r\n",2', Cause.WIDTH),
        (b'a,"1"2', Cause.QUOTES),
        (b"a,\xff", Cause.ENCODING),
    ],
)
def test_of_a_row(line: bytes, cause: Cause) -> None:
    assert cause_of(line, is_table=True) is cause


@pytest.mark.parametrize(
    ("line", "code", "cause"),
    [
        (b"a;1", "INVALID_KEY", Cause.CELLS),
        (b"a,1", "INVALID_KEY", Cause.CELLS),
        (b"a|1", "INVALID_KEY", Cause.CELLS),
        (b"a/1", "INVALID_KEY", None),
        (b"a\rb,1", "INVALID_KEY", Cause.CR),
        (b"a\0b\0", "INVALID_KEY", Cause.NUL),
        (b"./a\0./b,c\0", "INVALID_KEY", Cause.NUL),
        (b"key\0" * 1000, "INVALID_KEY", Cause.NUL),
        (b"key\0" * (MAX_LINE_BYTES // 4 + 1), "MAX_SIZE", Cause.NUL),
        (b"keys" * (MAX_LINE_BYTES // 4 + 1), "MAX_SIZE", None),
        (b"k" * 501, "KEY_TOO_LONG", None),
    ],
    ids=range(11),
)
def test_of_a_line_that_is_a_key(line: bytes, code: str, cause: Cause | None) -> None:
    source = Given(Path("in"), forms=Forms(Format.KEYS, has_values=False), content=line + b"\n")
    for rules in (Rules(), Rules(limits=None)) if cause is Cause.NUL else (Rules(),):
        ((piece,),) = list(Reader([source], key_parsers(rules)))
        assert isinstance(piece, Problem)
        assert (piece.code, piece.cause) == (code, cause)


def test_of_an_argument_and_of_a_key() -> None:
    for word, parsers, cause in (
        ("a", set_parsers(Rules(), string=False), Cause.ARGUMENT),
        ('"a",', key_parsers(Rules()), Cause.COMMA),
        ("\udcff", key_parsers(Rules()), Cause.ENCODING),
        ("\ufeffa", key_parsers(Rules()), Cause.MARK),
        ("a\rb", key_parsers(Rules()), Cause.CR),
        ("a\v", key_parsers(Rules()), Cause.RAW_CONTROL),
        ("a;1", key_parsers(Rules()), None),
    ):
        ((piece,),) = list(Reader([Arguments([word])], parsers))
        assert isinstance(piece, Problem)
        assert piece.cause is cause


@pytest.mark.parametrize(
    "line",
    [b'{"a":[' * 100_000, b'"' * 1_000_000, b"{ '" * 300_000, b"a," * 500_000],
    ids=["members", "quotes", "python", "cells"],
)
def test_a_line_that_is_long_and_wrong_is_not_judged(line: bytes) -> None:
    """Judging it could take time that grows with its square."""
    rejected = set_line_parser(Rules())(line)
    assert isinstance(rejected, Rejected)
    assert rejected.breach.cause is None
