import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import StreamError
from kvsctl.model import Identity, Origin, Problem, Record
from kvsctl.records.cutting.lines import Line
from kvsctl.records.parsed import Parsed, Parser
from kvsctl.records.parser_choice import set_parsers
from kvsctl.records.parsing.records import key_line_parser, set_line_parser
from kvsctl.records.reader import MOST_PIECES, Reader
from kvsctl.records.rules import Rules
from kvsctl.records.sources import Arguments, File, Source
from tests.support.jsontexts import LEGAL_KEYS, NOT_NULL, object_of


class _Stream:
    """What a source that is not a file says of itself."""

    words = place = format = compression = None
    is_rereadable = False


@dataclass
class Given(_Stream):
    """A source whose lines arrive in lists that the test chooses."""

    label: str
    arrivals: list[list[Line]]

    def lines(self) -> Iterator[list[Line]]:
        return iter(self.arrivals)


def read(*given: Source, parser: Parser | None = None) -> list[list[Record | Problem]]:
    chosen = parser or key_line_parser(Rules())
    return [list(pieces) for pieces in Reader(given, lambda source: chosen)]


def test_positions_count_over_sources_and_places_name_them() -> None:
    first = Given("a.txt", [[Line(1, b"k1"), Line(3, b"k2")], [Line(4, b"k3")]])
    pieces = [piece for arrived in read(first, Given("-", [[Line(1, b"k4")]])) for piece in arrived]
    assert [(piece.position, str(piece.origin)) for piece in pieces] == [
        (0, "a.txt:1"),
        (1, "a.txt:3"),
        (2, "a.txt:4"),
        (3, "-:1"),
    ]
    assert [piece.identity for piece in pieces] == [Identity(None, f"k{n}") for n in (1, 2, 3, 4)]


def test_a_bad_line_is_a_problem_with_its_place_and_stops_nothing() -> None:
    (pieces,) = read(Given("f", [[Line(1, b"a"), Line(2, b"b/"), Line(3, b"c")]]))
    record, problem, other = pieces
    assert isinstance(record, Record)
    assert (record.origin, record.body) == (Origin("f", 1), b'{"key":"a"}')
    assert isinstance(problem, Problem)
    assert (problem.position, problem.origin) == (1, Origin("f", 2))
    assert (problem.code, problem.identity) == ("INVALID_KEY", Identity(None, "b/"))
    assert (problem.raw, problem.readable) == (b'{"key":"b/"}', True)
    assert '"/"' in problem.message
    assert isinstance(other, Record)
    assert other.position == 2


def test_lines_that_arrive_together_are_split_into_bounded_lists() -> None:
    count = 2 * MOST_PIECES + 1
    lists = read(Given("f", [[Line(n, b"k%d" % n) for n in range(1, count + 1)]]))
    assert [len(pieces) for pieces in lists] == [MOST_PIECES, MOST_PIECES, 1]
    assert [piece.position for pieces in lists for piece in pieces] == list(range(count))


def test_a_record_keeps_its_expiry() -> None:
    line = b'{"key":"a","value":1,"expireTime":"2020-01-01T00:00:00Z"}'
    ((record,),) = read(Given("f", [[Line(1, line)]]), parser=set_line_parser(Rules()))
    assert isinstance(record, Record)
    assert record.expires_at == datetime(2020, 1, 1, tzinfo=UTC)


def test_a_cut_line_is_a_problem_whatever_its_start() -> None:
    ((problem, record),) = read(Given("f", [[Line(1, b"a", cut=True), Line(2, b"b")]]))
    assert isinstance(problem, Problem)
    assert (problem.code, problem.identity, problem.readable) == ("MAX_SIZE", None, False)
    assert "16,777,216 bytes" in problem.message
    assert problem.raw == b"a"
    assert record.position == 1


def test_an_empty_list_means_that_no_input_is_available() -> None:
    arrived = read(Given("-", [[], [Line(1, b"a")], []]), Given("f", []))
    assert [len(pieces) for pieces in arrived] == [0, 1, 0]


def test_each_source_that_has_lines_chooses_its_parser_once() -> None:
    asked = []

    def choose(source: Source) -> Parser:
        asked.append(source.label)
        return key_line_parser(Rules(entity=f"entity-{source.label}"))

    given = [
        Given("a", [[], [Line(2, b"x"), Line(3, b"y")], [Line(4, b"z")]]),
        Given("b", [[Line(1, b"w")]]),
        Given("c", []),
    ]
    pieces = [piece for arrived in Reader(given, choose) for piece in arrived]
    assert asked == ["a", "b"]
    entities = [piece.identity and piece.identity.entity for piece in pieces]
    assert entities == ["entity-a", "entity-a", "entity-a", "entity-b"]


def test_lines_are_read_only_on_demand() -> None:
    """Reading works for a pipe that never ends."""

    class Endless(_Stream):
        label = "-"

        def lines(self) -> Iterator[list[Line]]:
            number = 0
            while True:
                number += 1
                yield [Line(number, b"k")]

    pieces = iter(Reader([Endless()], lambda source: key_line_parser(Rules())))
    assert [next(pieces)[0].position for _ in range(3)] == [0, 1, 2]


@given(st.lists(st.tuples(LEGAL_KEYS, NOT_NULL), min_size=1, max_size=6), st.data())
def test_an_array_gives_the_same_records_as_its_elements_on_lines(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]], data: st.DataObject
) -> None:
    texts = [data.draw(object_of([('"key"', f'"{k}"'), ('"value"', v)])) for k, v in pairs]
    path = tmp_path_factory.getbasetemp() / "array.json"
    path.write_text("[" + ",".join(texts) + "]", "utf-8", newline="")
    choose = set_parsers(Rules(), string=False)
    found = [piece for pieces in Reader([File(path)], choose) for piece in pieces]
    parse = set_line_parser(Rules())
    for piece, text in zip(found, texts, strict=True):
        expected = parse(text.encode())
        assert isinstance(piece, Record)
        assert isinstance(expected, Parsed)
        assert (piece.body, piece.identity) == (expected.body, expected.identity)


@pytest.mark.parametrize("closed", [True, False])
def test_an_element_of_only_brackets_is_a_problem(tmp_path: Path, closed: bool) -> None:
    path = tmp_path / "deep.json"
    deep = b"[" * 100_000 + b"]" * (100_000 if closed else 99_999)
    path.write_bytes(b'[{"key":"a","value":1},' + deep + b',{"key":"b","value":2}]')
    reader = iter(Reader([File(path)], set_parsers(Rules(), string=False)))
    if not closed:
        with pytest.raises(StreamError, match="is truncated"):
            list(reader)
        return
    one, problem, two = [piece for pieces in reader for piece in pieces]
    assert isinstance(problem, Problem)
    assert (problem.code, problem.raw, str(problem.origin)) == ("MAX_DEPTH", deep, f"{path}:2")
    assert [one.identity, two.identity] == [Identity(None, "a"), Identity(None, "b")]


def test_the_fraction_read_is_that_of_the_records_given_out(tmp_path: Path) -> None:
    counts = (2500, 500, 1500)
    paths = [tmp_path / f"f{number}.jsonl" for number in range(len(counts))]
    for path, count in zip(paths, counts, strict=True):
        path.write_bytes(b'{"key":"a","value":1}\n' * count)
    reader = Reader([File(path) for path in paths], set_parsers(Rules(), string=False))
    total, given = sum(counts), 0
    for pieces in reader:
        given += len(pieces)
        assert reader.fraction_read() == pytest.approx(given / total, abs=0.001)
    assert given == total


def test_the_fraction_read_of_a_shrinking_file_is_at_most_1(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    path.write_bytes(b'{"key":"a","value":1}\n' * 100)
    reader = Reader([File(path)], set_parsers(Rules(), string=False))
    pieces = iter(reader)
    next(pieces)
    path.write_bytes(b'{"key":"a","value":1}\n')
    assert reader.fraction_read() == 1.0


def test_only_a_regular_file_never_waits(tmp_path: Path) -> None:
    path, fifo = tmp_path / "f.jsonl", tmp_path / "fifo"
    path.write_bytes(b"")
    os.mkfifo(fifo)
    parsers = set_parsers(Rules(), string=False)
    ready: list[Source] = [File(path), Arguments(["a=1"])]
    assert not Reader(ready, parsers).may_wait
    assert Reader([*ready, File(fifo)], parsers).may_wait
