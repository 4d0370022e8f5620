"""Documents and truncated records among lines, in the careful and the quick readers alike."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import StreamError
from kvsctl.model import Cause, Identity, Problem, Record
from kvsctl.records.cutting.csv_blocks import Block
from kvsctl.records.cutting.lines import Line, Lines, split_lines
from kvsctl.records.formats import Format
from kvsctl.records.parsed import BlockParser, Columns, Parser
from kvsctl.records.parsing.header import Header
from kvsctl.records.parsing.records import (
    careful_key_line_parser,
    careful_key_object_parser,
    careful_set_line_parser,
    key_line_parser,
    key_object_parser,
    set_line_parser,
)
from kvsctl.records.parsing.tables import table_set_parser
from kvsctl.records.pieces import OddBlanks, Pieces
from kvsctl.records.reader import MOST_PIECES, Reader
from kvsctl.records.rules import Rules
from kvsctl.records.shapes import Shape
from kvsctl.slabs import Slab
from tests.records.cutting.chunks import cut_into
from tests.support.jsontexts import VALUES

QUICK = {
    "set": set_line_parser(Rules()),
    "objects": key_object_parser(Rules()),
    "keys": key_line_parser(Rules()),
}
CAREFUL = {
    "set": careful_set_line_parser(Rules()),
    "objects": careful_key_object_parser(Rules()),
    "keys": careful_key_line_parser(Rules()),
}
CUTS = st.lists(st.integers(0, 400), max_size=6)
RECORDS = st.lists(st.integers(0, 99), min_size=1, max_size=6).map(
    lambda numbers: [b'{"key":"k%d","value":{"n":[%d,{"key":1}]}}' % (n, n) for n in numbers]
)
FORMS = ["set", "objects"]
OPENINGS = (b'{"key":"a","value":', b'{"Items":[', b"[", b"{", b'{"key":"a",', b'["x",')
RECORDS_OF_ALL_KINDS = (
    b'{"key":"i","value":{"n":1}}',
    b'{"key":"j","value":{"n":1},"ttl":"7d"}',
    b'{"value":{"n":1},"entityName":"city","key":"k"}',
    b'{"key":"l","value":{"n":1},"expireTime":"2026-05-01T00:00:00.000Z"}',
    b'{"key":"m","value":{"n":1},"entityName":"city","expireTime":"2026-05-01T00:00:00.000Z"}',
    b'{"key":"n","value":{"text":"\\ud800"}}',
    b'{"key":"o","value":{"text":"\\ud800"},"entityName":"city"}',
    b'{"key":"p","value":{"text":"\\ud800"},"expireTime":"2026-05-01T00:00:00.000Z"}',
)
"""Of these, only the last three are not common."""
LINES = st.lists(
    st.sampled_from(
        [
            *OPENINGS,
            b'{"key":"b","value":1}',
            b'{"key":"c","value":1},',
            b'"d"',
            b'"e",',
            b"f",
            b"]",
            b"}",
            b"]}",
            b"# g",
            b"7",
            b'{"key":"h","va',
            *RECORDS_OF_ALL_KINDS,
        ]
    ),
    max_size=14,
)


def read(
    parser: Parser, arrivals: Iterator[Sequence[Line]], *, are_keys: bool = False
) -> list[Record | Problem]:
    pieces = Pieces("in", parser, 0, OddBlanks(), are_lines=True, are_keys=are_keys)
    found = [one for lines in arrivals for one in pieces.take(lines)]
    return found + pieces.finish()


def shown(pieces: list[Record | Problem]) -> list[object]:
    return [
        (piece.position, piece.origin.line, piece.identity, piece.body, piece.expires_at)
        if isinstance(piece, Record)
        else (piece.position, piece.origin.line, piece.code, piece.message, piece.raw, piece.cause)
        for piece in pieces
    ]


@given(RECORDS, st.data(), st.sampled_from(FORMS), CUTS)
def test_a_truncated_record_costs_no_other_record(
    records: list[bytes], data: st.DataObject, form: str, cuts: list[int]
) -> None:
    place = data.draw(st.integers(0, len(records) - 1))
    end = data.draw(st.integers(1, len(records[place]) - 1))
    lines = [*records[:place], records[place][:end], *records[place:]]
    chunks = cut_into(b"\n".join(lines), cuts)
    found = read(QUICK[form], split_lines(chunks))
    assert [isinstance(piece, Record) for piece in found] == [
        number != place for number in range(len(lines))
    ]


@given(
    RECORDS,
    VALUES.filter(lambda text: "\n" in text.strip() and text.strip()[0] in "[{"),
    RECORDS,
    st.sampled_from(FORMS),
    CUTS,
)
def test_no_line_of_a_document_is_a_record(
    before: list[bytes], document: str, after: list[bytes], form: str, cuts: list[int]
) -> None:
    inside = [line for line in document.encode().split(b"\n") if line.strip()]
    lines = [*before, *inside, *after]
    found = read(QUICK[form], split_lines(cut_into(b"\n".join(lines), cuts)))
    expected = [True] * len(before) + [False] * len(inside) + [True] * len(after)
    assert [isinstance(piece, Record) for piece in found] == expected
    problems = [piece for piece in found if isinstance(piece, Problem)]
    if len(inside) > 1:
        assert problems[0].message == "a JSON document over several lines begins here"
        first = problems[0].origin.line
        assert {piece.message for piece in problems[1:]} == {
            f"part of the JSON document that begins on line {first}"
        }
        assert {piece.cause for piece in problems} == {Cause.DOCUMENT}
    assert [piece.raw for piece in problems] == [line.removesuffix(b"\r") for line in inside]
    assert not any(piece.readable or piece.identity for piece in problems)


@given(LINES, st.sampled_from(list(QUICK)), CUTS)
def test_each_line_gives_one_piece_however_lines_arrive(
    lines: list[bytes], form: str, cuts: list[int]
) -> None:
    text = b"\n".join(lines)
    are_keys = form == "keys"
    quick = read(QUICK[form], split_lines(cut_into(text, cuts)), are_keys=are_keys)
    careful = read(CAREFUL[form], split_lines(iter([text])), are_keys=are_keys)
    assert shown(quick) == shown(careful)
    assert [piece.position for piece in quick] == list(range(len(lines)))
    assert [piece.origin.line for piece in quick] == list(range(1, len(lines) + 1))


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from([b"f", b'{"a":1}', b'{"key":"/"}', b" g "]), max_size=3),
            st.lists(st.sampled_from([b'"d"', *RECORDS_OF_ALL_KINDS, *OPENINGS, b"]"]), max_size=3),
            st.integers(1, 40),
        ).map(lambda parts: parts[0] * parts[2] + parts[1] + parts[0]),
        max_size=6,
    ),
    st.sampled_from(list(QUICK)),
)
def test_a_block_gives_the_same_whatever_the_block_before_it_had(
    blocks: list[list[bytes]], form: str
) -> None:
    are_keys = form == "keys"
    arrivals, start = list[Lines](), 1
    for block in blocks:
        arrivals.append(Lines(start, block))
        start += len(block)
    quick = read(QUICK[form], iter(arrivals), are_keys=are_keys)
    careful = read(CAREFUL[form], iter(arrivals), are_keys=are_keys)
    assert shown(quick) == shown(careful)
    assert [piece.position for piece in quick] == list(range(start - 1))


def test_of_blocks_without_common_lines_only_a_sample_is_tried() -> None:
    tried: list[int] = []
    quick = set_line_parser(Rules())
    assert isinstance(quick, BlockParser)

    def read_many(texts: Sequence[bytes]) -> Columns:
        tried.append(len(texts))
        return quick.read_many(texts)

    pieces = Pieces("in", BlockParser(quick.careful, read_many), 0, OddBlanks(), are_lines=True)
    odd, common = [b'{"key":"a","valu":1}'] * 400, [b'{"key":"a","value":1}'] * 400
    for block in (common, odd, odd, odd, common, common):
        pieces.take(Lines(1, block))
    assert tried == [400, 400, 16, 16, 16, 400, 400]


@given(st.lists(st.sampled_from(RECORDS_OF_ALL_KINDS), min_size=1), st.sampled_from(FORMS))
def test_records_of_any_kinds_are_one_slab(lines: list[bytes], form: str) -> None:
    pieces = Pieces("in", QUICK[form], 5, OddBlanks(), are_lines=True)
    arrival = Lines(1, lines)
    made = pieces.take(arrival)
    assert isinstance(made, Slab)
    careful = Pieces("in", CAREFUL[form], 5, OddBlanks(), are_lines=True).take(arrival)
    assert shown(list(made)) == shown(list(careful))
    assert pieces.position == 5 + len(lines)


def test_rows_of_any_kinds_are_one_slab() -> None:
    rows = [
        "a;1;;",
        'b;{"n":2};city;',
        "c;3;;2026-05-01T00:00:00Z",
        'd;{"text":"\\ud800"};city;2026-05-01T00:00:00Z',
    ]
    header = Header("in", Line(1, b"key;value;entityName;expireTime"), ";", has_quotes=False)
    parser = table_set_parser(header, Rules(), Shape(infer_types=True))
    assert parser.read_many([row.split(";") for row in rows]).others == [3]
    made = [
        Pieces("in", parser, 5, OddBlanks()).take(lines)
        for lines in (
            Block([row.split(";") for row in rows], range(2, 6), rows, end=""),
            [Line(number, row.encode()) for number, row in enumerate(rows, 2)],
        )
    ]
    assert isinstance(made[0], Slab)
    assert shown(list(made[0])) == shown(list(made[1]))


def test_a_document_among_plain_keys_deletes_none_of_its_strings() -> None:
    text = b'k1\n{\n "keep": [\n  "c",\n  "d"\n ]\n}\nk2\n[\n"e"\nk3\n'
    found = read(QUICK["keys"], split_lines(iter([text])), are_keys=True)
    keys = [piece.identity for piece in found if isinstance(piece, Record)]
    assert keys == [Identity(None, "k1"), Identity(None, "k2"), Identity(None, "k3")]


def test_a_document_is_found_without_checks_too() -> None:
    parser = key_line_parser(Rules(limits=None))
    found = read(parser, split_lines(iter([b'k1\n[\n"c"\n]\n'])), are_keys=True)
    assert [isinstance(piece, Record) for piece in found] == [True, False, False, False]


class Breaking:
    """A source that fails after these lines."""

    label = "in"
    words = place = compression = None
    is_rereadable = False
    format = Format.JSONL

    def __init__(self, lines: list[Line]) -> None:
        self._lines = lines

    def lines(self) -> Iterator[list[Line]]:
        yield self._lines
        raise StreamError("broken")


def test_lines_that_are_undecided_when_reading_fails_are_reported() -> None:
    lines = [Line(1, b'{"key":"a","value":'), Line(2, b'{"key":"b","value":1}')]
    found = iter(Reader([Breaking(lines)], lambda source: QUICK["set"]))
    assert [type(piece) for piece in [*next(found), *next(found)]] == [Problem, Record]
    with pytest.raises(StreamError, match="broken"):
        next(found)


def test_undecided_lines_do_not_make_a_list_longer() -> None:
    start = [Line(1, b'{"key":"a","value":'), Line(2, b'{"key":"b","value":1}')]
    rest = [Line(n, b'{"key":"b","value":1}') for n in range(3, 3 + 2 * MOST_PIECES)]

    class Two(Breaking):
        def lines(self) -> Iterator[list[Line]]:
            yield start
            yield rest

    lists = list(Reader([Two([])], lambda source: QUICK["set"]))
    assert max(map(len, lists)) == MOST_PIECES
    assert sum(map(len, lists)) == len(start) + len(rest)
