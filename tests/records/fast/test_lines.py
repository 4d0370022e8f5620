"""Lines that are read at once give the same records as each line alone, or none."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kvsctl.jsontext import depth_exceeds
from kvsctl.model import Identity
from kvsctl.records.fast.lines import (
    key_lines_reader,
    plain_keys_reader,
    set_lines_reader,
)
from kvsctl.records.fields import MEMBER_BYTES
from kvsctl.records.parsed import Parsed, Parser, ReadMany
from kvsctl.records.parsing.records import (
    careful_key_line_parser,
    careful_key_object_parser,
    careful_set_line_parser,
)
from kvsctl.records.rules import Rules
from tests.support.examples import examples
from tests.support.jsontexts import LEGAL_KEYS, VALUES
from tests.support.naming import short
from tests.support.reading import assert_as_each_alone, problems_among, records_in
from tests.support.record_lines import BLOCKS, JSON_LAYOUTS, RULES

PLAIN = RULES[0]


def pairs(rules: Rules) -> list[tuple[ReadMany, Parser]]:
    """Return the two ways to read lines that are records: many at once, and one by one."""
    return [
        (set_lines_reader(rules), careful_set_line_parser(rules)),
        (key_lines_reader(rules), careful_key_object_parser(rules)),
    ]


@settings(max_examples=examples(300))
@given(BLOCKS, st.sampled_from(RULES))
@example([b'{"key":"a","value":1,"ttl":1}', b'{"key":"a","value":1}'], PLAIN)
@example([b'{"key":"a","expireTime":"\\u0022\\u0022","value":1,"ttl":"1d","ttl":"2d"}'], PLAIN)
@example([b'{"key":"a","value":1,"ttl":"1d","source":"\\u0022","ttl":"2d"}'], PLAIN)
@example(
    [b'{"key":"a","value":[{}', b"{}]}", b'{"key":"b","value":1},{"key":"c","value":2}'], PLAIN
)
@example([b'{"key": "a", "value": [1', b'2]},{"key": "b", "value": 1}'], PLAIN)
@example([b'{"key":"a\\u000ab","value":1}', b'{"key":"b","value":1}'], PLAIN)
@example([b'{"key":"a","value":1}\0', b'{"key":"a","value":1}'], PLAIN)
def test_lines_give_the_same_records_together_as_alone(lines: list[bytes], rules: Rules) -> None:
    for read, parse in pairs(rules):
        assert_as_each_alone(read(lines), lines, parse)


@given(st.lists(BLOCKS, min_size=2, max_size=3), st.sampled_from(RULES))
def test_a_line_gives_the_same_whatever_stands_beside_it(
    blocks: list[list[bytes]], rules: Rules
) -> None:
    for read, _ in pairs(rules):
        alone = [record for lines in blocks for record in records_in(read(lines))]
        together = records_in(read([line for lines in blocks for line in lines]))
        for one, other in zip(alone, together, strict=True):
            # A few objects beside many strings, or the reverse, are left to the careful parser.
            assert one is None or other is None or one == other


@given(st.lists(BLOCKS, min_size=2, max_size=4), st.sampled_from(RULES))
def test_a_reader_gives_the_same_whatever_it_has_read_before(
    blocks: list[list[bytes]], rules: Rules
) -> None:
    for read, parse in pairs(rules):
        for lines in blocks:
            assert_as_each_alone(read(lines), lines, parse)


@given(LEGAL_KEYS, VALUES.filter("null".__ne__))
@example("a", '["\\ud800","\\uDBFF\\udc00","\\\\ud800"]')
@example("a", "[" + "[1]," * 100 + '"]]]"]')
def test_a_legal_record_is_read_at_once(key: str, value: str) -> None:
    line = f'{{"key":"{key}","value":{value}}}'.encode()
    if not depth_exceeds(value.encode(), 31):
        assert records_in(set_lines_reader(PLAIN)([line])) == [careful_set_line_parser(PLAIN)(line)]


_DEPTHS = [30, 31, 32, 33, 198, 199, 200, 201, 990, 1100]


@pytest.mark.parametrize(
    ("before", "after"), [("[", "]"), ('{"":', "}"), ('{"name":[1,', "]}")], ids=str
)
@pytest.mark.parametrize("name", ["value", "createdAt", "error"])
@pytest.mark.parametrize("padding", [0, 500])
def test_members_of_any_depth_give_the_same_together_as_alone(
    before: str, after: str, name: str, padding: int
) -> None:
    rest = f'"source":"{"x" * padding}"' + ("" if name == "value" else ',"value":1')
    times = [depth // len(after) for depth in _DEPTHS]
    lines = [
        f'{{"key":"k","{name}":{before * count}1{after * count},{rest}}}'.encode()
        for count in times
    ]
    for read, parse in pairs(PLAIN):
        columns = read(lines)
        assert columns.others == problems_among(lines, parse)
        assert_as_each_alone(columns, lines, parse)


RECORD = {"key": "a:1", "value": {"n": 1, "text": 'say "hi" \\ {'}}
EXTRAS: list[dict[str, Any]] = [
    {},
    {"entityName": "abc"},
    {"ttl": "7d"},
    {"ttl": {"value": 7, "unit": "DAYS"}},
    {"options": {"ttl": {"value": 7, "unit": "DAYS"}}},
    {"options": {"ttl": "1h"}, "ttl": None},
    {"options": None, "ttl": None, "entityName": None, "expireTime": None},
    {"options": {}},
    {"expireTime": "2026-06-01T00:00:00.123Z"},
    {"expireTime": "2026-06-01T00:00:00Z", "ttl": "7d"},
    {"createdAt": 1, "updatedAt": 2, "expireTime": "2026-06-01T00:00:00Z"},
    {"entityName": "abc", "ttl": "7d", "createdAt": 1, "updatedAt": 2},
    {"error": {"code": "X"}, "source": "f:1", "installation": "i"},
]


@pytest.mark.parametrize("extra", EXTRAS, ids=short)
@pytest.mark.parametrize("layout", JSON_LAYOUTS, ids=short)
@pytest.mark.parametrize("rules", RULES[:5], ids=short)
def test_common_records_are_read_at_once(
    extra: dict[str, Any], layout: dict[str, Any], rules: Rules
) -> None:
    both = {**RECORD, **extra}
    orders = [both, dict(reversed(both.items())), dict(sorted(both.items()))]
    texts = [json.dumps(record, **layout) for record in orders]
    texts += [text.replace('say \\"', "é\\n") for text in texts]
    lines = [text.encode() for text in texts]
    for read, parse in pairs(rules):
        columns = read(lines)
        assert not columns.others
        assert_as_each_alone(columns, lines, parse)


def test_legal_keys_of_objects_are_read_at_once() -> None:
    keys = [" a", "a ", "a\tb", "a\n", "\u2003a\u3000", "\ufeffa", "a\u2028b", "plain"]
    records = [{"key": key, "value": {}} for key in keys]
    records += [record | {"ttl": "7d"} for record in records]
    for ensure_ascii in (True, False):
        lines = [json.dumps(record, ensure_ascii=ensure_ascii).encode() for record in records]
        for read, parse in [*pairs(PLAIN), *pairs(RULES[3])]:
            assert not read(lines).others
            assert_as_each_alone(read(lines), lines, parse)
    strings = [json.dumps(key).encode() for key in keys]
    read, parse = pairs(PLAIN)[1]
    assert not read(strings).others
    assert_as_each_alone(read(strings), strings, parse)


@pytest.mark.parametrize(
    "odd", [None, "0", "-1", "1e1", "true", "9999999", "1.0", '1,"value":2', '"1"', "9" * 30, "7 "]
)
def test_many_different_ttls_are_read_at_once(odd: str | None) -> None:
    values = [*map(str, range(1, 60)), *([] if odd is None else [odd])]
    lines = [
        f'{{"key":"k","value":1,"ttl":{{"unit":"HOURS","value":{n}}}}}'.encode() for n in values
    ]
    read, parse = pairs(PLAIN)[0]
    columns = read(lines)
    assert columns.others == problems_among(lines, parse)
    assert_as_each_alone(columns, lines, parse)
    absent = [*lines, b'{"key":"k","value":1,"ttl":"1d"}', b'{"key":"k","value":1}']
    assert_as_each_alone(read(absent), absent, parse)


@pytest.mark.parametrize("odd", [None, "0s", "9000h", "1w", "1", "+1s", "1_0s", "\u0661s", "s"])
def test_many_different_texts_of_ttls_are_read_at_once(odd: str | None) -> None:
    texts = [*(f"{n}{'smhd'[n % 4]}" for n in range(1, 60)), *([] if odd is None else [odd])]
    lines = [f'{{"key":"k","value":1,"ttl":"{text}"}}'.encode() for text in texts]
    read, parse = pairs(PLAIN)[0]
    assert read(lines).others == problems_among(lines, parse)
    assert_as_each_alone(read(lines), lines, parse)


def test_mixed_shapes_are_all_read_at_once() -> None:
    records = [{**RECORD, "key": f"k{place}", **extra} for place, extra in enumerate(EXTRAS)]
    lines = [
        json.dumps(record, **JSON_LAYOUTS[place % 3]).encode()
        for place, record in enumerate(records)
    ]
    for read, parse in pairs(PLAIN):
        assert not read(lines).others
        assert_as_each_alone(read(lines), lines, parse)


ODD = [
    b'{"key":"a","key":"b","value":1}',
    b'{"key": "b", "value": 2, "value": 1}',
    b'{"key":"a","value":1,"ttl":"1d","ttl":"1d"}',
    b'{"key":"a","value":1,"entityName":"abc","entityName":null}',
    b'{"key": "a", "value": 1, "ttl":"1d","createdAt":1,"createdAt":1}',
    b'{"key":"a","value":1,"ttl":"soon"}',
    b'{"key":"a","value":1,"ttl":7}',
    b'{"key":"a","value":1,"ttl":"400d"}',
    b'{"key":"a","value":1,"ttl":"1d","options":{"ttl":"1d"}}',
    b'{"key":"a","value":1,"options":{"keyPolicy":1}}',
    b'{"key":"a","value":1,"expireTime":"2026-06-01"}',
    b'{"key":"a","value":1,"expireTime":"2099-01-01T00:00:00Z"}',
    b'{"key":"a","value":1,"expireTime":5}',
    b'{"key":"a","value":1,"expireTime":120260101}',
    b'{"key":"a","value":1,"expireTime":""}',
    b'{"key":"a","value":1,"entityName":"A"}',
    b'{"key":"a","value":1,"entityName":""}',
    b'{"key":"a","value":1,"entityName":"abc"}',
    b'{"key":"a","entityName":"abc","value":"{"}',
    b'{"key":"a","value":1,"entityName":5}',
    b'{"key":"a","value":1,"other":5}',
    b'{"key":"a","value":null}',
    b'{"key":"a","value": null}',
    b'{"key":"a"}',
    b'{"value":1}',
    b'{"key":"a","value":NaN}',
    b'{"key":"a","value":01}',
    b'{"key":"a","value":}',
    b'{"key":"","value":1}',
    b'{"key":"b/c","value":1}',
    b'{"key":" ","value":1}',
    b'{"key":"a\\u0000b","value":1}',
    b'{"key":5,"value":1}',
    b'{"key":"%b","value":1}' % (b"k" * 501),
    '{"key":"é","value":1}'.encode(),
    b'{"key":"b","value":"\xff"}',
    b'{"key":"b","value":"\\ud800\\ue000"}',
    b'{"key":"\\ud800","value":1}',
    b'{"key":"a","value":1,"entityName":"\\ud800bc"}',
    b'{"key":"a","value":1,"ttl":"\\ud8001d"}',
    b'{"key":"a","value":1,"\\ud800":1}',
    b'{"key":"a","value":%b1%b}' % (b"[" * 32, b"]" * 32),
    b'{"key":"a","value":%b1%b}' % (b"[" * 100_000, b"]" * 100_000),
    b'{"key":"a","value":%b%b}' % (b"[{" * 17, b"}]" * 17),
    b'{"key":"a","value":"%b"}' % (b"x" * 240 * 1024),
    b'{"key":"a","value":1},{"key":"c","value":1}',
    b'{"key":"a","value":1}{"key":"c","value":1}',
    b'{"key":"a","value":1',
    b'{"key":"a","value":1}}',
    b'{"key":"a","value":1}\x0b',
    b'\x0c{"key":"a","value":1}',
    b'\xef\xbb\xbf{"key":"a","value":1}',
    b'["key","value"]',
    b"a",
    b"",
]


@pytest.mark.parametrize("odd", ODD, ids=short)
def test_an_odd_line_is_left_to_the_careful_path_and_no_other(odd: bytes) -> None:
    common = [b'{"key":"y","value":1}', b'{"key":"z", "ttl":"7d", "value":1}']
    lines = [common[0], odd, common[1], odd, common[0]]
    read, parse = pairs(PLAIN)[0]
    columns = read(lines)
    assert columns.others == [1, 3]
    assert_as_each_alone(columns, lines, parse)
    assert read([odd]).others == [0]


LEGAL_BUT_RARE = [
    b'{"key":"b","value":"\\ud800"}',
    b'{"key":"b","value":["\\uDFFF","\\\\ud800","\\ud83d\\ude00"]}',
    b'{ "key": "b", "value": "\\ud800", "ttl": "1d", "createdAt": "\\ud800" }',
    b'{"key":"b","value":"\\ud83d\\ude00\\ue000"}',
    b'{"key":"a","value":1,"expireTime":"2026\\u002d06-01T00:00:00Z"}',
    b'{"key":"a","value":{},"entityName":"\\u0061bc"}',
    b'{"key":"a","value":1,"ttl":"\\u0037d"}',
    b'{"key":"a","value":[%b]}' % b",".join([b'{"n":[1]}'] * 50),
    b'{"key":"a","value":[%b]}' % b",".join([b'"]\\"[{"'] * 50),
    b'{"key":"a","value":%b1%b}' % (b"[" * 31, b"]" * 31),
    b'{"key":"a","value":123456789012345678901234567890}',
]


@pytest.mark.parametrize("rare", LEGAL_BUT_RARE, ids=short)
def test_a_rare_line_is_read_at_once_and_beside_an_odd_one(rare: bytes) -> None:
    common = [b'{"key":"y","value":"\\u00e9"}', b'{"key":"z", "ttl":"7d", "value":1}']
    read, parse = pairs(PLAIN)[0]
    for lines in ([rare], [common[0], rare, common[1], rare]):
        assert not read(lines).others
        assert_as_each_alone(read(lines), lines, parse)
        assert read([*lines, b"{"]).others == [len(lines)]
        assert_as_each_alone(read([b'"', *lines]), [b'"', *lines], parse)


def test_only_a_line_with_hardly_a_byte_more_is_sent_with_its_exact_bytes() -> None:
    lines = [b'{"value":1%b,"key":"a"}' % (b" " * spaces) for spaces in range(MEMBER_BYTES + 1)]
    for several in (lines, lines[:-1], lines[-1:]):
        columns = set_lines_reader(PLAIN)(several)
        expected = [line if line != lines[-1] else b'{"key":"a","value":1}' for line in several]
        assert columns.bodies == expected
        assert_as_each_alone(columns, several, careful_set_line_parser(PLAIN))


def test_outer_white_space_is_not_sent() -> None:
    lines = [b' {"key":"a","value":1}\r', b'{"key":"b","value":1}\t ']
    bodies = [b'{"key":"a","value":1}', b'{"key":"b","value":1}']
    assert set_lines_reader(PLAIN)(lines).bodies == bodies


_KEY_LINES = st.lists(
    (LEGAL_KEYS | st.text('ab\t \n\r"\ufeff/é', max_size=4)).map(str.encode)
    | LEGAL_KEYS.map(lambda key: f'"{key}"'.encode())
    | st.sampled_from(
        [
            b"k" * 500,
            b"k" * 501,
            b"\xff",
            b'"a"',
            b'"a',
            b'"\\u0061"',
            b'"\\ud800"',
            b'" a"',
            b'"a\\nb"',
        ]
    ),
    min_size=1,
    max_size=4,
)


@given(_KEY_LINES, st.sampled_from(RULES))
def test_keys_give_the_same_together_as_alone(lines: list[bytes], rules: Rules) -> None:
    for ends_in_nul in (False, True):
        parse = careful_key_line_parser(rules, ends_in_nul=ends_in_nul)
        assert_as_each_alone(plain_keys_reader(rules)(lines), lines, parse)
    strings = [line for line in lines if line.startswith(b'"')]
    if strings:
        read, parse = pairs(rules)[1]
        assert_as_each_alone(read([*strings, *lines]), [*strings, *lines], parse)


def test_common_keys_are_read_at_once() -> None:
    lines = [b"a", b"b:1", b'"c"', b"d 1", b'"e 2"', b'"\\u0066"']
    columns = plain_keys_reader(PLAIN)(lines)
    assert not columns.others
    assert columns.keys == ["a", "b:1", "c", "d 1", "e 2", "f"]
    assert columns.bodies[:2] == [b'{"key":"a"}', b'{"key":"b:1"}']
    assert_as_each_alone(columns, lines, careful_key_line_parser(PLAIN))
    strings = [b'"a"', b'"b 1"']
    assert not key_lines_reader(PLAIN)(strings).others


@given(st.lists(LEGAL_KEYS, min_size=2), st.lists(st.booleans(), min_size=1), st.booleans())
def test_strings_and_objects_are_both_read_at_once(
    keys: list[str], are_strings: list[bool], has_entities: bool
) -> None:
    entity = {"entityName": "user"} if has_entities else {}
    lines = [
        json.dumps(key if are_strings[place % len(are_strings)] else {"key": key} | entity).encode()
        for place, key in enumerate(keys)
    ]
    read, parse = pairs(PLAIN)[1]
    assert not read(lines).others
    assert_as_each_alone(read(lines), lines, parse)


@pytest.mark.parametrize(
    "odd",
    [
        b" b",
        b"b ",
        b"",
        b"b\t1",
        b"b\nc",
        b"k" * 501,
        b"b/",
        b'"',
        b"\xff",
        b'"\xff"',
        "é".encode(),
    ],
)
def test_an_odd_key_is_left_to_the_careful_path_and_no_other(odd: bytes) -> None:
    for lines in ([b"a", odd], [b"a", odd, b'"c"']):
        columns = plain_keys_reader(PLAIN)(lines)
        assert columns.others == [1]
        assert_as_each_alone(columns, lines, careful_key_line_parser(PLAIN))


def test_a_long_line_of_braces_and_spaces_is_fast() -> None:
    line = b'{"key": "a", "value": ' + b"} " * 100_000
    assert set_lines_reader(PLAIN)([line]).others == [0]


def test_a_plain_record_needs_no_new_body() -> None:
    line = b'{"key":"a","value":1}'
    columns = set_lines_reader(PLAIN)([line])
    assert columns.bodies[0] is line
    assert records_in(columns) == [Parsed(Identity(None, "a"), line)]
