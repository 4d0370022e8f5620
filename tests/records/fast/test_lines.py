import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import Identity
from kvsctl.records.checks import Breach
from kvsctl.records.fast.lines import PlainKeys, common_key_parser, common_line_parser
from kvsctl.records.fields import may_repeat
from kvsctl.records.parsed import Parsed, Rejected
from kvsctl.records.parsing.records import (
    Rules,
    careful_key_line_parser,
    careful_key_object_parser,
    careful_set_line_parser,
    key_line_parser,
)
from tests.support.jsontexts import LEGAL_KEYS, SPACES, VALUES, object_of
from tests.support.naming import short

CAREFUL = careful_set_line_parser(Rules())
NOT_COMMON = Rejected(Breach("", "the careful way was asked"))
CAREFUL_KEY = careful_key_object_parser(Rules())
PARSE_KEY = common_key_parser(DEFAULT_LIMITS, lambda _: NOT_COMMON)
PARSE = common_line_parser(DEFAULT_LIMITS, lambda _: NOT_COMMON)

_NAMES = st.sampled_from(["key", "value", "entityName", "ttl", "other"])
_KEYS = LEGAL_KEYS | st.text(max_size=3)
_MEMBERS = st.tuples(_NAMES, VALUES | _KEYS.map(lambda key: f'"{key}"'))
_PAIRS = st.tuples(_KEYS, VALUES).map(lambda pair: f'{{"key":"{pair[0]}","value":{pair[1]}}}')
_OBJECTS = st.lists(_MEMBERS, max_size=4).flatmap(
    lambda members: object_of([(f'"{name}"', value) for name, value in members])
)
_LINES = st.builds("{}{}{}".format, SPACES, _PAIRS | _OBJECTS, SPACES).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


@given(_LINES)
def test_accepts_only_lines_that_the_careful_path_sends_unchanged(line: bytes) -> None:
    parsed = PARSE(line)
    if isinstance(parsed, Parsed):
        assert parsed == CAREFUL(line) == Parsed(parsed.identity, line)
    else:
        assert parsed is NOT_COMMON


@given(_LINES)
def test_the_key_of_a_common_line_equals_that_of_the_careful_path(line: bytes) -> None:
    parsed = PARSE_KEY(line)
    assert parsed is NOT_COMMON or parsed == CAREFUL_KEY(line)


def test_the_key_of_a_common_line_is_read_at_once() -> None:
    line = b'{"key":"a:1","value":{"nested":[null]}}'
    assert PARSE_KEY(line) == Parsed(Identity(None, "a:1"), b'{"key":"a:1"}')


@pytest.mark.parametrize(
    "line",
    [
        b'{"key":"a","value":1}',
        b'{"key":"user:1.x_y-z#", "value": {"nested": [null, "\\u00e9"]}}',
        b'{"value":"","key":"a"}',
    ],
)
def test_accepts_common_lines(line: bytes) -> None:
    assert PARSE(line) == CAREFUL(line)
    assert isinstance(PARSE(line), Parsed)


@pytest.mark.parametrize(
    "line",
    [
        b'{"key":"a","value":1} ',
        b' {"key":"a","value":1}',
        '{"key":"a","value":"é"}'.encode(),
        b'{"key":"a b","value":1}',
        b'{"key":"","value":1}',
        b'{"key":"%b","value":1}' % (b"k" * 501),
        b'{"key":"a","value":null}',
        b'{"key":"a"}',
        b'{"key":"a","value":1,"entityName":"users"}',
        b'{"key":"a","value":1,"ttl":1}',
        b'{"key":"a","key":"b","value":1}',
        b'{"key":"a","value":1,"value":2}',
        b'{"key":"a","value":1,"entityName":null}',
        b'{"key":"a","value":%b1%b}' % (b"[" * 32, b"]" * 32),
        b'{"key":"a","value":"%b"}' % (b"x" * 240 * 1024),
        b'{"key":"a","value":1',
        b'["key","value"]',
        b"",
    ],
    ids=short,
)
def test_leaves_other_lines_to_the_careful_path(line: bytes) -> None:
    assert PARSE(line) is NOT_COMMON


def test_the_identity_of_a_common_line_has_no_entity() -> None:
    assert PARSE(b'{"key":"a","value":1}') == Parsed(Identity(None, "a"), b'{"key":"a","value":1}')


@pytest.mark.parametrize("name", [b"key", b"value", b"entityName"])
def test_only_a_repeated_name_or_an_escape_needs_the_careful_path(name: bytes) -> None:
    line = b'{  "key" : "a",\n  "value" : "b",\n  "entityName" : "abc"  }'
    assert not may_repeat(line)
    assert may_repeat(line + b'"%b"' % name)
    assert may_repeat(line + rb'"\u006b"')


@st.composite
def _cut_at_commas(draw: st.DrawFn) -> list[bytes]:
    """Draw the text of an array of records, cut into lines at some of its commas."""
    pairs = draw(st.lists(_PAIRS | _OBJECTS, min_size=1, max_size=4))
    parts = ",".join(pairs).encode("utf-8", "surrogatepass").split(b",")
    lines = [parts[0]]
    for part in parts[1:]:
        if draw(st.booleans()):
            lines.append(part)
        else:
            lines[-1] += b"," + part
    return lines


@given(st.lists(_LINES, max_size=4) | _cut_at_commas())
def test_many_lines_give_the_same_results_as_each_line(lines: list[bytes]) -> None:
    for common, careful in ((PARSE, CAREFUL), (PARSE_KEY, CAREFUL_KEY)):
        read = common.parse_all(lines)
        if read is not None:
            pairs = zip(*read, strict=True)
            parsed = [Parsed(Identity(None, key), body) for key, body in pairs]
            assert parsed == [careful(line) for line in lines]


def test_lines_that_are_an_array_only_together_are_not_read_together() -> None:
    across = [b'{"key":"a","value":[{}', b"{}]}", b'{"key":"b","value":1},{"key":"c","value":2}']
    assert PARSE.parse_all(across) is None
    assert PARSE.parse_all([b'{"key":"a","value":1', b'"key":"b"}']) is None


def test_many_common_lines_are_read_at_once() -> None:
    lines = [b'{"key":"a","value":{"b":[null]}}', b'{"value":1.0,"key":"b"}']
    assert PARSE.parse_all(lines) == (["a", "b"], lines)
    assert PARSE_KEY.parse_all(lines) == (["a", "b"], [b'{"key":"a"}', b'{"key":"b"}'])


@pytest.mark.parametrize(
    "line",
    [
        b'{"key":"a","value":null}',
        b'{"key":"a","value": 1}',
        b'{"key":"","value":1}',
        b'{"key":"\\u0061","value":1}',
        b'{"key":"a b","value":1}',
        b'{"key":"%b","value":1}' % (b"k" * 501),
        b'{"key":"a","value":%b%b}' % (b"[" * 32, b"]" * 32),
        b'{"key":"a","value":%b%b}' % (b"[{" * 16, b"}]" * 16),
        b'{"key":"a"}',
        b'{"key":"a","value":1}}',
    ],
)
def test_one_uncommon_line_makes_all_be_read_one_by_one(line: bytes) -> None:
    assert PARSE.parse_all([b'{"key":"z","value":1}', line]) is None


_PLAIN_KEYS = st.lists(
    (LEGAL_KEYS | st.text('ab\t \n\r"\ufeff/é', max_size=4)).map(str.encode)
    | st.sampled_from([b"k" * 500, b"k" * 501, b"\xff", b'"a"']),
    min_size=1,
    max_size=4,
)


@given(_PLAIN_KEYS)
def test_many_plain_keys_give_the_same_results_as_each(lines: list[bytes]) -> None:
    for ends_in_nul in (False, True):
        quick = key_line_parser(Rules(), ends_in_nul=ends_in_nul)
        careful = careful_key_line_parser(Rules(), ends_in_nul=ends_in_nul)
        assert isinstance(quick, PlainKeys)
        assert [quick(line) for line in lines] == [careful(line) for line in lines]
        read = quick.parse_all(lines)
        if read is not None:
            pairs = zip(*read, strict=True)
            parsed = [Parsed(Identity(None, key), body) for key, body in pairs]
            assert parsed == [careful(line) for line in lines]


def test_many_common_plain_keys_are_read_at_once() -> None:
    quick = key_line_parser(Rules())
    assert isinstance(quick, PlainKeys)
    assert quick.parse_all([b"a", b"b:1"]) == (["a", "b:1"], [b'{"key":"a"}', b'{"key":"b:1"}'])
    assert quick.parse_all([b"a 1", b"b"]) == (["a 1", "b"], [b'{"key":"a 1"}', b'{"key":"b"}'])
    for odd in (b" b", b"b ", b"", b"b\t1", b"b\nc", b"k" * 501, b"b/", b'"b"', b"\xff"):
        for lines in ([b"a", odd], [odd, b"a"], [odd]):
            assert quick.parse_all(lines) is None
