"""Records that a program wrote give the same records in few steps as each alone, or none."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kvsctl.records.fast import written
from kvsctl.records.fast.written import written_lines_reader
from kvsctl.records.parsed import Columns
from kvsctl.records.parsing.records import careful_set_line_parser
from kvsctl.records.rules import Rules
from tests.support.examples import examples
from tests.support.reading import assert_as_each_alone, problems_among
from tests.support.record_lines import BLOCKS, RULES

PLAIN = RULES[0]
TTLS = ["1d", "12h", {"value": 7, "unit": "DAYS"}, {"unit": "HOURS", "value": 2}, "400d", 5, None]


def _shallow(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=3), values, max_size=3)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    _shallow,
    max_leaves=5,
) | st.sampled_from([[[]] * 40, "x" * 250_000, orjson.loads(b"[" * 32 + b"]" * 32)])
KEYS = st.sampled_from(["a", "k:1", "a b", " a", "", "b/c", "é", 'a"', "k" * 501]) | st.text("abc:")
ORDERED = [
    ["key", "value"],
    ["value", "key"],
    ["key", "value", "ttl"],
    ["entityName", "key", "value"],
    ["key", "entityName", "value", "ttl"],
]
MEMBERS = st.fixed_dictionaries(
    {
        "key": KEYS,
        "value": VALUES,
        "ttl": st.sampled_from(TTLS),
        "entityName": st.sampled_from(["abc", "user", "é", "No", "", None]),
    }
)
RECORDS = st.builds(
    lambda names, members: {name: members[name] for name in names},
    st.sampled_from(ORDERED),
    MEMBERS,
)


@settings(max_examples=examples(200))
@given(st.lists(st.lists(RECORDS, min_size=1, max_size=4), max_size=4), st.sampled_from(RULES))
def test_written_records_give_the_same_together_as_alone(
    blocks: list[list[dict[str, Any]]], rules: Rules
) -> None:
    read, parse = written_lines_reader(rules), careful_set_line_parser(rules)
    for records in blocks:
        lines = [orjson.dumps(record) for record in records]
        assert_as_each_alone(read(lines), lines, parse)


@settings(max_examples=examples(200))
@given(st.lists(BLOCKS, min_size=1, max_size=3), st.sampled_from(RULES))
@example([[b'{"key":"a","value":1,"value":2}']], PLAIN)
@example([[b'{"key":"a","value":1,"ttl":"1d","ttl":"1d"}']], PLAIN)
@example([[b'{"key":"a","value":1,"entityName":"abc","entityName":"abc"}']], PLAIN)
@example([[b'{"key":"a","value":"\xff"}']], PLAIN)
@example([[b'{"key":"a","value":%b}' % (b"[" * 5000 + b"]" * 5000)]], PLAIN)
@example([[b'{"key":"a","value":1}, {"key":"b","value":1}', b"", b'{"key":"c","value":1}']], PLAIN)
def test_any_other_lines_give_the_same_together_as_alone(
    blocks: list[list[bytes]], rules: Rules
) -> None:
    read, parse = written_lines_reader(rules), careful_set_line_parser(rules)
    for lines in blocks:
        assert_as_each_alone(read(lines), lines, parse)


@pytest.mark.parametrize("rules", RULES[:4])
@pytest.mark.parametrize("extra", [{}, {"ttl": "1d"}, {"entityName": "abc"}])
def test_common_shapes_are_read_without_another_way(
    rules: Rules, extra: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written, "set_lines_reader", lambda _: None)
    read, parse = written_lines_reader(rules), careful_set_line_parser(rules)
    values: list[Any] = [{"n": 1}, {"a": [1, None]}, {"s": "x" * 300}, {"d": [[[{}]]]}]
    records = [{"key": f"k{place}", "value": one} | extra for place, one in enumerate(values)]
    for block in (records, [*records, {"key": "k", "value": {}}], records):
        lines = [json.dumps(record, separators=(",", ":")).encode() for record in block]
        columns = read(lines)
        assert columns.others == problems_among(lines, parse) == []
        assert_as_each_alone(columns, lines, parse)


def test_blocks_with_other_lines_are_seldom_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried, decoded = 0, written._decoded

    def counted(*given: Any) -> Any:
        nonlocal tried
        tried += 1
        return decoded(*given)

    monkeypatch.setattr(written, "_decoded", counted)
    read: Any = written_lines_reader(PLAIN)
    other = [b'{"key":"a","value":1,"expireTime":null}']
    for _ in range(500):
        assert isinstance(read(other), Columns)
    assert tried < 40
