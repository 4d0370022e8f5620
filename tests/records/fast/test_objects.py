"""Objects that are read at once give the same records as each object alone, or none."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kvsctl.records.fast.lines import shaped_keys_reader, shaped_set_reader
from kvsctl.records.parsed import BlockParser, Parser, ReadMany
from kvsctl.records.parsing.objects import shaped_key_parser, shaped_set_parser
from kvsctl.records.rules import Rules
from kvsctl.records.shapes import Shape, shape_of
from tests.support.examples import examples
from tests.support.jsontexts import VALUES
from tests.support.naming import short
from tests.support.reading import assert_as_each_alone, problems_among
from tests.support.record_lines import JSON_LAYOUTS, RULES, TEXTS, Members, blocks_of

PLAIN = RULES[0]
SHAPES = [
    shape_of(key_field="id"),
    shape_of(key="user:{id}"),
    shape_of(key="{id}-{n}"),
    shape_of(key_field="id", value_field="doc"),
    shape_of(key="{id}", value_field="ttl"),
    shape_of(value_field="doc"),
    shape_of(key="{id}%s{n}"),
]


def careful(parser: Parser) -> Parser:
    assert isinstance(parser, BlockParser)
    return parser.careful


def shaped_pairs(rules: Rules, shape: Shape) -> list[tuple[ReadMany, Parser]]:
    """Return the two ways to read objects of another shape."""
    return [
        (shaped_set_reader(rules, shape), careful(shaped_set_parser(rules, shape))),
        (shaped_keys_reader(rules, shape), careful(shaped_key_parser(rules, shape))),
    ]


@st.composite
def shaped_members(draw: st.DrawFn, *, is_legal: bool) -> Members:
    """Draw the members of an object that is a record of another shape."""
    texts = TEXTS if not is_legal else {"ttl": st.just('"7d"'), "entityName": st.just('"abc"')}
    scalars = st.sampled_from(["7", "1.0", "true", '"a"', '"b-1"', "-1E5"])
    odd = st.sampled_from(
        ["null", "{}", "[1]", '""', '"\\u0061"', '"é"', '" a"', '"\\ud800"', "01"]
    )
    drawn = [(f'"{name}"', draw(scalars if is_legal else scalars | odd)) for name in ("id", "n")]
    drawn.append(('"doc"', draw(VALUES.filter("null".__ne__) if is_legal else TEXTS["value"])))
    for name in draw(st.lists(st.sampled_from(sorted(texts)), max_size=2, unique=is_legal)):
        drawn.append((f'"{name}"', draw(texts[name])))
    if not is_legal:
        extra = [('"\\u0022"', "1"), ('"id"', "2"), ('"doc"', "1"), ('"\\u0069d"', "1")]
        drawn += draw(st.lists(st.sampled_from(extra), max_size=2))
    return draw(st.permutations(drawn))


@settings(max_examples=examples(200))
@given(
    blocks_of(shaped_members(is_legal=True), shaped_members(is_legal=False)),
    st.sampled_from(RULES),
    st.sampled_from(SHAPES),
)
@example([b'{"id":"a","n":1,"\\u0022\\u0022":1,"x":1,"x":1}'], PLAIN, SHAPES[0])
def test_objects_give_the_same_records_together_as_alone(
    lines: list[bytes], rules: Rules, shape: Shape
) -> None:
    for read, parse in shaped_pairs(rules, shape):
        assert_as_each_alone(read(lines), lines, parse)
        # The names of these lines are known now.
        assert_as_each_alone(read(lines[::-1]), lines[::-1], parse)


@pytest.mark.parametrize("layout", JSON_LAYOUTS, ids=short)
@pytest.mark.parametrize("shape", SHAPES[:4], ids=short)
def test_common_objects_are_read_at_once(layout: dict[str, Any], shape: Shape) -> None:
    objects = [
        {"id": 7, "n": "x", "doc": {"n": 1}, "ttl": "7d", "on": None},
        {"on": [True], "doc": {"a": 'say "hi"'}, "n": 1.5, "id": "b-1", "entityName": "abc"},
        {"expireTime": "2026-06-01T00:00:00Z", "id": "c", "n": 0, "doc": "é"},
    ]
    lines = [json.dumps(one, **layout).encode() for one in objects]
    for rules in RULES[:4]:
        for read, parse in shaped_pairs(rules, shape):
            columns = read(lines)
            assert columns.others == problems_among(lines, parse)
            assert_as_each_alone(columns, lines, parse)


@pytest.mark.parametrize(
    "odd",
    [
        b'{"id":"a","x":1,"x":1}',
        b'{"id":"a","id":"a"}',
        b'{"id":null}',
        b'{"id":[1]}',
        b'{"n":1}',
        b'{"id":"a/b"}',
        b'{"id":"\\ud800"}',
        b'{"id":"a","\\ud800":1,"\\ud800":1}',
        b'{"id":"a","v":"\xff"}',
        b'{"id":"a","v":%b%b}' % (b"[" * 200, b"]" * 200),
        b"[1]",
        b"{}",
        b"",
    ],
    ids=short,
)
def test_an_odd_object_is_left_to_the_careful_path_and_no_other(odd: bytes) -> None:
    lines = [b'{"id":1}', odd, b'{"id": "b", "x": 1}']
    for read, parse in shaped_pairs(PLAIN, SHAPES[0]):
        columns = read(lines)
        assert columns.others == [1]
        assert_as_each_alone(columns, lines, parse)


def test_an_object_that_is_too_deep_for_a_value_can_make_a_key() -> None:
    lines = [b'{"id":1}', b'{"id":"a","v":%b%b}' % (b"[" * 31, b"]" * 31)]
    for (read, parse), others in zip(shaped_pairs(PLAIN, SHAPES[0]), ([1], []), strict=True):
        columns = read(lines)
        assert columns.others == others
        assert_as_each_alone(columns, lines, parse)


@pytest.mark.parametrize(
    "line",
    [
        b'{"id":"\\u0061\\t","n":1}',
        b'{"id":"a","n":"\\ud800"}',
        b'{"n":["\\uDC00"],"id":1.50}',
        b'{"id":"a","n":[%b]}' % b",".join([b"[]"] * 50),
        b'{"id":"a","a\\"\\\\":1,"":2}',
        b'{"id":"a",%b}' % b",".join(b'"%d":1' % number for number in range(100)),
        b'{"id":true,"id ":{"id":{}}}',
    ],
    ids=short,
)
def test_a_rare_object_is_read_at_once(line: bytes) -> None:
    for rules in RULES[:4]:
        for read, parse in shaped_pairs(rules, SHAPES[0]):
            for lines in ([line], [b'{"id":1}', line], [b'{"id": "b"}'], [line, b'{"x":1,"id":2}']):
                assert not read(lines).others
                assert_as_each_alone(read(lines), lines, parse)


@pytest.mark.parametrize("count", [1, 100])
def test_a_member_that_occurs_twice_in_two_spellings_is_found(count: int) -> None:
    names = [b'"\\ud83d\\ude00"', '"\U0001f600"'.encode(), *[b'"%d"' % n for n in range(count)]]
    line = b'{"id":"\\u0061","v":"\\ud800",%b}' % b",".join(b"%b:1" % name for name in names)
    for read, parse in shaped_pairs(PLAIN, SHAPES[0]):
        for lines in ([line], [line, b'{"id":1}'], [line]):
            assert 0 in read(lines).others
            assert_as_each_alone(read(lines), lines, parse)


@pytest.mark.parametrize("name", ['a"b\\', "é", "\u00a0", "\ue000", "\udcff"])
def test_the_key_may_be_in_a_member_of_any_name(name: str) -> None:
    lines = [json.dumps({name: key, "n": 1}).encode() for key in ("x", "y")]
    for read, parse in shaped_pairs(PLAIN, shape_of(key_field=name)):
        columns = read([*lines, b"{", *lines])
        assert 2 in columns.others
        assert_as_each_alone(columns, [*lines, b"{", *lines], parse)


@pytest.mark.parametrize("odd", [b"{", b"[1]", b'{"id":{}}', b'{"id":"b","id":1}'], ids=short)
def test_an_odd_object_costs_no_object_beside_it_its_place(odd: bytes) -> None:
    lines = [b'{"id":"a","n":[1]}', odd, b'{"n":"\\ud800","id":"c"}']
    for shape in SHAPES[:2]:
        for read, parse in shaped_pairs(PLAIN, shape):
            assert read(lines).others == [1]
            assert_as_each_alone(read(lines), lines, parse)
