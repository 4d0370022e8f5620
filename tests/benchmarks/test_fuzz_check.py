"""The fuzz finds readers that lose, misplace, change or make up what they read."""

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import fields, replace
from typing import ClassVar

import pytest

from benchmarks.fuzz.arrays import split_elements
from benchmarks.fuzz.check import Counts, MismatchError, check_input
from benchmarks.fuzz.formats import FORMATS, Format
from benchmarks.fuzz.judged import Expected, judge_lines
from benchmarks.fuzz.options import SHAPES, Options
from benchmarks.fuzz.oracle import NotJsonError, Refused, Wanted, depth_of, members_of, parsed
from benchmarks.fuzz.shaped import form_of_object, judge_object, judge_shaped_row, template_of
from benchmarks.fuzz.tables import rows_of
from kvsctl.model import Identity, Origin, Problem, Record
from kvsctl.records.reader import Reader

_SEED = 7
_INPUTS = 150

Piece = Record | Problem
Spoil = Callable[[list[Piece]], list[Piece]]


class _Spoilt(Reader):
    """A reader that gives something else than what it read."""

    spoil: ClassVar[Spoil]

    def __iter__(self) -> Iterator[list[Piece]]:
        for pieces in super().__iter__():
            yield type(self).spoil(list(pieces))


def _with(chosen: Format, spoil: Spoil) -> Format:
    spoilt = type("Spoilt", (_Spoilt,), {"spoil": staticmethod(spoil)})

    class Changed(Format):
        def reader(self, chunks: Sequence[bytes], options: Options) -> Reader:
            made = chosen.reader(chunks, options)
            changed: Reader = spoilt(made.sources, made.choose_parser)
            return changed

    return Changed(**{one.name: getattr(chosen, one.name) for one in fields(chosen)})


def _is_found(*formats: Format) -> bool:
    """Return whether any of the inputs is read otherwise than it should be."""
    for number in range(_INPUTS):
        try:
            check_input(_SEED, number, Counts(), formats)
        except MismatchError:
            return True
    return False


def _lose_the_last(pieces: list[Piece]) -> list[Piece]:
    return pieces[:-1]


def _repeat_the_first(pieces: list[Piece]) -> list[Piece]:
    return pieces[:1] + pieces


def _miscount(pieces: list[Piece]) -> list[Piece]:
    for piece in pieces:
        piece.position += 1
    return pieces


def _misplace(pieces: list[Piece]) -> list[Piece]:
    for piece in pieces:
        if isinstance(piece, Record):
            piece.line += 1
        else:
            piece.origin = Origin(piece.origin.source, piece.origin.line + 1)
    return pieces


def _trim(pieces: list[Piece]) -> list[Piece]:
    for piece in pieces:
        if isinstance(piece, Problem):
            piece.raw = piece.raw[:-1]
    return pieces


def _misname(pieces: list[Piece]) -> list[Piece]:
    for piece in pieces:
        if isinstance(piece, Record):
            piece.identity = Identity(piece.identity.entity, "other")
    return pieces


def _blame_another_rule(pieces: list[Piece]) -> list[Piece]:
    for piece in pieces:
        if isinstance(piece, Problem):
            piece.code = "UNNAMED"
    return pieces


_SPOILS = [
    _lose_the_last, _repeat_the_first, _miscount, _misplace, _trim, _misname, _blame_another_rule,
]  # fmt: skip


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda chosen: chosen.name)
@pytest.mark.parametrize("spoil", _SPOILS)
def test_a_wrong_reader_is_found(chosen: Format, spoil: Spoil) -> None:
    assert _is_found(_with(chosen, spoil))


def _round_numbers(pieces: list[Piece]) -> list[Piece]:
    for piece in pieces:
        if isinstance(piece, Record):
            piece.body = piece.body.replace(b"9007199254740993", b"9007199254740992")
    return pieces


def _drop_a_ttl(pieces: list[Piece]) -> list[Piece]:
    for piece in pieces:
        if isinstance(piece, Record):
            piece.body = piece.body.partition(b',"options"')[0].rstrip(b"}") + b"}"
    return pieces


@pytest.mark.parametrize("spoil", [_round_numbers, _drop_a_ttl])
def test_a_changed_record_is_found(spoil: Spoil) -> None:
    assert _is_found(_with(FORMATS[0], spoil))


_BY_NAME = {chosen.name: chosen for chosen in FORMATS}


def _change_the_value(pieces: list[Piece]) -> list[Piece]:
    """A problem that holds another value than the record that it is by its form."""
    for piece in pieces:
        if isinstance(piece, Problem) and piece.readable:
            piece.raw = piece.raw.replace(b'"value":', b'"value":0,"was":', 1)
    return pieces


def _forget_the_form(pieces: list[Piece]) -> list[Piece]:
    """A problem that holds an object from which no record can be read again."""
    for piece in pieces:
        if isinstance(piece, Problem) and piece.readable:
            piece.raw = b'{"id":1}'
    return pieces


@pytest.mark.parametrize("name", ["set jsonl, shaped", "set json, shaped", "set csv, shaped"])
@pytest.mark.parametrize(
    "spoil", [_round_numbers, _drop_a_ttl, _change_the_value, _forget_the_form]
)
def test_a_changed_shape_is_found(name: str, spoil: Spoil) -> None:
    assert _is_found(_with(_BY_NAME[name], spoil))


@pytest.mark.parametrize("name", [name for name in _BY_NAME if name.endswith("long")])
def test_what_is_too_long_has_to_be_refused_as_such(name: str) -> None:
    def blame_the_text(pieces: list[Piece]) -> list[Piece]:
        for piece in pieces:
            if isinstance(piece, Problem) and piece.code == "MAX_SIZE":
                piece.code = "INVALID_JSON"
        return pieces

    assert _is_found(_with(_BY_NAME[name], blame_the_text))


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda chosen: chosen.name)
def test_the_inputs_have_records_and_problems_of_every_format(chosen: Format) -> None:
    counts = Counts()
    for number in range(_INPUTS):
        check_input(_SEED, number, counts, [chosen])
    assert min(counts.pieces["wanted"], counts.pieces["refused"]) > 20
    assert counts.pieces["undecided"] < counts.pieces.total() / 20


def test_the_same_seed_draws_the_same() -> None:
    seen = []
    for _ in range(2):
        counts = Counts()
        for number in range(50):
            check_input(_SEED, number, counts)
        seen.append(counts)
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    "text", ["", "NaN", "[1,]", "{'a':1}", '{"a":1}{', "01", '"\t"', "[" * 100_000, "1 2"]
)
def test_the_oracle_knows_what_is_no_json(text: str) -> None:
    with pytest.raises(NotJsonError):
        parsed(text)


def test_the_oracle_cuts_members_to_the_character() -> None:
    text = ' { "a" : 1.0 ,"b\\u0063":[ {"x":"}"} ],"a":"\\"" } '
    found = [(name, exact) for name, _, exact in members_of(text)]
    assert found == [("a", "1.0"), ("bc", '[ {"x":"}"} ]'), ("a", '"\\""')]
    assert depth_of(text) == 3


def test_the_oracle_cuts_arrays_at_their_own_commas() -> None:
    split = split_elements(b' [ {"a":"],["} , [1,2],"x\\"," ,] ')
    assert split.elements == [b'{"a":"],["}', b"[1,2]", b'"x\\","', b""]
    assert split.lengths == [13, 6, 7, 0]
    assert (split.is_open, split.breaks) == (False, False)
    assert split_elements(b"[ ]").elements == []
    assert split_elements(b"[1] 2").breaks is True
    assert split_elements(b"[1,2").elements == [b"1"]


def test_the_oracle_cuts_rows_and_cells() -> None:
    rows = rows_of(b'key,value\r\n\r\n"a\r\nb","say ""hi"""\nc"d,\n"x"y,"open', b",")
    assert [(row.line, row.cells) for row in rows] == [
        (1, ["key", "value"]),
        (3, ["a\r\nb", 'say "hi"']),
        (5, ['c"d', ""]),
        (6, None),
    ]


def test_the_oracle_makes_keys_of_templates() -> None:
    assert template_of(Options(key="{{a}}{b}-{c}")) == [
        ("{", False), ("a", False), ("}", False), ("b", True), ("-", False), ("c", True),
    ]  # fmt: skip
    line = b' {"id": 1.0, "name":"n", "v" :[ 1 ],"ttl":"7d"} '
    whole = line.decode().strip()
    assert judge_object(line, Options(key="u:{id}{name}")) == Wanted("u:1.0n", None, whole)
    asked = Options(key_field="name", value_field="v")
    assert judge_object(line, asked) == Wanted("n", None, "[ 1 ]", ttl=(7, "DAYS"))
    assert judge_object(line, Options(key="{no}")) == Refused(frozenset({"INVALID_JSON"}))


def test_the_oracle_joins_halves_of_a_surrogate_pair() -> None:
    form = form_of_object(b'{"id":"\\ud83d","name":"\\ude00"}', Options(key="{id}{name}"))
    assert form is not None
    assert form.key == "\U0001f600"


def test_the_oracle_knows_a_document_by_the_lines_that_were_read() -> None:
    def judge(line: bytes) -> Refused:
        return Refused(frozenset({line.decode()}))

    judged = judge_lines(b'a\n{\n"b":\n[\n]}', b"\n", None, judge, lambda _: None, has_keys=True)
    broken_off = replace(judged, may_lack=True)
    assert [_codes(one) for one in judged.expected_of(5)] == [{"a"}, *[{"INVALID_JSON"}] * 4]
    assert [_codes(one) for one in broken_off.expected_of(3)] == [{"a"}, *[{"INVALID_JSON"}] * 2]
    assert [_codes(one) for one in broken_off.expected_of(2)] == [{"a"}, {"{"}]


def _codes(expected: Expected) -> Set[str]:
    assert isinstance(expected.verdict, Refused)
    return expected.verdict.codes


def test_the_oracle_makes_keys_of_rows() -> None:
    cells = {"id": "7", "name": 'a "b"', "v": "1.0"}
    whole = '{"id":7,"name":"a \\"b\\"","v":1.0}'
    asked = Options(key="u:{id}", infer_types=True)
    assert judge_shaped_row(cells, asked, has_values=True) == Wanted("u:7", None, whole)
    assert judge_shaped_row(cells, asked, has_values=False) == Wanted("u:7", None)
    asked = Options(key="{id}{name}", value_field="v")
    empty = judge_shaped_row(cells | {"id": ""}, asked, has_values=True)
    assert empty == Refused(frozenset({"EMPTY_KEY"}))


def test_every_shape_is_one_that_the_command_takes() -> None:
    assert [options.shape.is_record for options in SHAPES] == [False] * len(SHAPES)
