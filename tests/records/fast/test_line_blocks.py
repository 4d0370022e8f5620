"""Lines with the same white space give the same results together as one by one."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.jsontext import members
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import Identity
from kvsctl.records.fast.line_blocks import spaced_keys
from kvsctl.records.fast.lines import CommonLines
from kvsctl.records.parsed import Parsed, Parser
from kvsctl.records.parsing.records import (
    Rules,
    careful_key_object_parser,
    careful_set_line_parser,
    key_object_parser,
    set_line_parser,
)
from tests.support.jsontexts import LEGAL_KEYS, SPACES, VALUES

_SET, _CAREFUL_SET = set_line_parser(Rules()), careful_set_line_parser(Rules())
_GET, _CAREFUL_GET = key_object_parser(Rules()), careful_key_object_parser(Rules())

_FRAMES = st.tuples(*[SPACES] * 8).map(
    lambda gaps: '{{{}"key"{}:{}"%s"{},{}"value"{}:{}%s{}}}'.format(*gaps)
)
_PAIRS = st.tuples(LEGAL_KEYS | st.text(max_size=2), VALUES | st.text('"{},: 1', max_size=12))
_ALIKE = st.tuples(_FRAMES, st.lists(_PAIRS, min_size=1, max_size=4)).map(
    lambda drawn: [(drawn[0] % pair).encode("utf-8", "surrogatepass") for pair in drawn[1]]
)


def same(found: tuple[Sequence[str], Sequence[bytes]], lines: list[bytes], careful: Parser) -> bool:
    """Check that the results equal those of each line. Bodies may differ in their white space."""
    for key, body, said in zip(*found, map(careful, lines), strict=True):
        assert isinstance(said, Parsed)
        assert said.identity == Identity(None, key)
        assert members(body) == members(said.body)
    return True


def spaced(*pairs: tuple[str, object], indent: int | None = None) -> list[bytes]:
    records = [{"key": key, "value": value} for key, value in pairs]
    return [json.dumps(record, indent=indent).encode() for record in records]


@given(_ALIKE, st.lists(_ALIKE, max_size=1))
def test_many_lines_give_the_same_results_as_each_line(
    lines: list[bytes], others: list[list[bytes]]
) -> None:
    lines += [line for several in others for line in several]
    for quick, careful in ((_SET, _CAREFUL_SET), (_GET, _CAREFUL_GET)):
        assert isinstance(quick, CommonLines)
        found = quick.parse_all(lines)
        assert found is None or same(found, lines, careful)


@pytest.mark.parametrize("indent", [None, 2])
def test_lines_from_json_dumps_are_read_at_once(indent: int | None) -> None:
    lines = spaced(("a", {"b": [1, "}"]}), ("c:1", 'say "hi", {'), ("d", []), indent=indent)
    assert spaced_keys(lines, DEFAULT_LIMITS) == ["a", "c:1", "d"]
    for quick, careful in ((_SET, _CAREFUL_SET), (_GET, _CAREFUL_GET)):
        assert isinstance(quick, CommonLines)
        found = quick.parse_all(lines)
        assert found is not None
        assert same(found, lines, careful)


@pytest.mark.parametrize(
    "odd",
    [
        b'{"key": "b", "key": "c", "value": 1}',
        b'{"key": "b", "value": 2, "value": 1}',
        b'{"key": "b", "value": 1, "ttl": "7d"}',
        b'{"key": "b", "value": 1, "entityName": "abc"}',
        b'{"key": "b", "value":  1}',
        b'{"key":  "b", "value": 1}',
        b'{"value": 1, "key": "b"}',
        b'{"key": "b", "value": null}',
        b'{"key": "b", "value": NaN}',
        b'{"key": "b", "value": 01}',
        b'{"key": "b", "value": }',
        b'{"key": "", "value": 1}',
        b'{"key": "b/c", "value": 1}',
        b'{"key": "\\u0062", "value": 1}',
        b'{"key": "%b", "value": 1}' % (b"k" * 501),
        '{"key": "b", "value": "é"}'.encode(),
        b'{"key": "b", "value": "\xff"}',
        b'{"key": "b", "value": %b1%b}' % (b"[" * 32, b"]" * 32),
        b'{"key": "b", "value": "%b"}' % (b"x" * 240 * 1024),
        b'{"key": "b", "value": 1}, {"key": "c", "value": 1}',
        b'{"key": "b", "value": 1',
        b'{"key": "b", "value": 1} ',
        b'{"key":"b","value":1}',
        b"",
    ],
)
def test_one_odd_line_makes_all_be_read_one_by_one(odd: bytes) -> None:
    (common,) = spaced(("a", 1))
    assert spaced_keys([common, common], DEFAULT_LIMITS) == ["a", "a"]
    assert spaced_keys([common, odd], DEFAULT_LIMITS) is None
    assert spaced_keys([odd, common], DEFAULT_LIMITS) is None
    assert spaced_keys([common, odd, common], DEFAULT_LIMITS) is None


def test_records_that_span_lines_are_not_records() -> None:
    lines = [b'{"key": "a", "value": [1', b'2]},{"key": "b", "value": 1}']
    assert spaced_keys(lines, DEFAULT_LIMITS) is None


def test_the_body_of_a_line_does_not_depend_on_its_neighbours() -> None:
    lines = spaced(("a", 'an "escape" \\'), ("b", "none"), indent=4)
    assert isinstance(_SET, CommonLines)
    found = _SET.parse_all(lines)
    assert found is not None
    for body, parsed in zip(found[1], map(_SET, lines), strict=True):
        assert isinstance(parsed, Parsed)
        assert parsed.body == body


def test_lines_without_white_space_are_left_to_compact_keys() -> None:
    assert spaced_keys([b'{"key":"a","value":1}'] * 2, DEFAULT_LIMITS) is None
    assert spaced_keys([], DEFAULT_LIMITS) is None


def test_a_long_line_of_braces_and_spaces_is_fast() -> None:
    line = b'{"key": "a", "value": ' + b"} " * 100_000
    assert spaced_keys([line], DEFAULT_LIMITS) is None
