"""Rows that are read at once give the same records as each row alone, or none."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kvsctl.records.cutting.lines import Line
from kvsctl.records.parsed import Columns, TableParser
from kvsctl.records.parsing.header import Header
from kvsctl.records.parsing.tables import table_key_parser, table_set_parser
from kvsctl.records.rules import Rules
from kvsctl.records.shapes import RECORDS, Shape, shape_of
from tests.support.examples import examples
from tests.support.naming import short
from tests.support.reading import problems_among, records_in
from tests.support.record_lines import RULES

PLAIN = RULES[0]
NAMES = ["key", "value", "entityName", "ttl", "expireTime", "createdAt"]
SHAPES = [
    RECORDS,
    Shape(infer_types=True),
    shape_of(key="{key}"),
    shape_of(key="u:{key}-{ttl}"),
    shape_of(key="u:{key}", infer_types=True),
    shape_of(key_field="key", value_field="value"),
    shape_of(key_field="value", value_field="ttl", infer_types=True),
    shape_of(key="{key}%s"),
]
_CELLS = st.one_of(
    st.sampled_from(["a", "b:1", "1", "-0", "1e400", "true", "null", "text", "", "é", '"x"', "{}"]),
    st.sampled_from(["key", "value", "01", "nul", '"', "{", "[1,]", '{"a":"\ud7ff"}', '"\\ud800"']),
    st.sampled_from(
        [" a", "a\tb", "a\nb", "\ufeff", '"\\/\x00\x1f\x7f\u2028', "[" * 40 + "]" * 40]
    ),
    st.sampled_from(
        ["7d", "400d", "soon", "abc", "user", "A", "2026-06-01T00:00:00Z", "2026-06-01"]
    ),
    st.sampled_from(
        ["a" * 501, "b" * 240 * 1024, "9" * 50, '[{"a":1},1.0, 2]', "{x}", "2099-01-01T00Z"]
    ),
    st.text(max_size=4),
)
_ROW = st.tuples(
    st.sampled_from(["a", "b:1", "c d", "1"]) | _CELLS,
    _CELLS,
    st.sampled_from(["", "abc", "user"]) | _CELLS,
    st.sampled_from(["", "7d", "1h"]) | _CELLS,
    st.sampled_from(["", "2026-06-01T00:00:00.123Z"]) | _CELLS,
    _CELLS,
).map(list)


def parsers(names: list[str], rules: Rules, shape: Shape) -> list[TableParser]:
    header = Header("in", Line(1, ",".join(names).encode()), ",")
    return [table_set_parser(header, rules, shape), table_key_parser(header, rules, shape)]


def assert_as_each_row(parser: TableParser, rows: Sequence[list[str]]) -> Columns:
    columns = parser.read_many(rows)
    for record, row in zip(records_in(columns), rows, strict=True):
        assert record is None or record == parser.of_cells(row), row
    return columns


@settings(max_examples=examples(300))
@given(
    st.permutations(NAMES),
    st.integers(2, 6),
    st.lists(_ROW | st.lists(_CELLS, max_size=7), min_size=1, max_size=6),
    st.sampled_from(RULES),
    st.sampled_from(SHAPES),
)
@example(
    NAMES,
    2,
    [["a", '"\\/\x00\x1f\x7f\u2028'], ["a" * 501, "b"], ["", "c"], ["é", "d"]],
    PLAIN,
    RECORDS,
)
@example(NAMES, 2, [["a", "b" * 240 * 1024], ["b", "c"]], PLAIN, RECORDS)
@example(NAMES, 2, [["key", "value"], ["a", ""], ["a", "c"], []], PLAIN, RECORDS)
def test_rows_give_the_same_records_together_as_alone(
    order: list[str], count: int, rows: list[list[str]], rules: Rules, shape: Shape
) -> None:
    kept = {"key", "value", "ttl"} | set(NAMES[:count])
    names = [name for name in order if name in kept]
    cut = [row[: len(names)] for row in rows]
    for parser in parsers(names, rules, shape):
        assert_as_each_row(parser, cut)


@pytest.mark.parametrize("shape", [*SHAPES[:4], SHAPES[5]], ids=short)
@pytest.mark.parametrize("rules", RULES[:4], ids=short)
def test_common_rows_are_read_at_once(shape: Shape, rules: Rules) -> None:
    rows = [
        ["a", "1", "abc", "7d", "", "5"],
        ["b 1", 'text "é", {', "", "1h", "", ""],
        ["b 2", "{}", "", "1h", "", ""],
        ["c", '{"n":[1.0,"x"]}', "user", "45s", "2026-06-01T00:00:00.123Z", "x"],
        ["d", "-1E5", "user", "30m", "", ""],
    ]
    for parser in parsers(NAMES, rules, shape):
        assert assert_as_each_row(parser, rows).others == problems_among(rows, parser.of_cells)


def test_every_cell_is_inferred_as_alone() -> None:
    cells = [
        "1",
        "1.0",
        "-0",
        "1e400",
        "9" * 50,
        "true",
        "false",
        "01",
        "",
        "text",
        "+1",
        ".5",
        "-",
    ]
    cells += ["{}", "[]", '"x"', '{"a":1,"a":2}', "t", "n", "é", '"\\u00e9"', "Infinity", "NaN"]
    cells += [
        "{abc}",
        "[1,]",
        "1\n2",
        '"a"b"',
        '"[{"',
        f"[{','.join(['{}'] * 50)}]",
        "[" * 31 + "]" * 31,
    ]
    rows = [[f"k{place}", cell] for place, cell in enumerate(cells)]
    parser = parsers(["key", "value"], PLAIN, Shape(infer_types=True))[0]
    assert not assert_as_each_row(parser, rows).others
    assert parser.read_many([["a", "1.0"]]).bodies == [b'{"key":"a","value":1.0}']
    for column in (cells, cells[:6], ["1\n2"], ["1\n2", "3"], ["1\n", "2"], ["x", "True"]):
        rows = [[f"k{place}", cell] for place, cell in enumerate(column)]
        assert not assert_as_each_row(parser, rows).others


_PARTS = ("{}", "[1", "2]", "3,4", "[]", '"x"', '"', "{},{}", " {}", "[1,[2]", "[3]]", "", "5")
"""Cells whose join by commas may be JSON, although not all of them are."""


@given(st.lists(st.sampled_from(_PARTS), min_size=1, max_size=6))
@example(["[1", "2]", "3,4"])
@example(["{}", "[1,[2]", "[3]]", "{},{}"])
@example(["{}", " {}"])
def test_cells_are_not_read_beyond_their_ends(cells: list[str]) -> None:
    rows = [[f"k{place}", cell] for place, cell in enumerate(cells)]
    parser = parsers(["key", "value"], PLAIN, Shape(infer_types=True))[0]
    assert not assert_as_each_row(parser, rows).others


@pytest.mark.parametrize("cell", ["[" * 32 + "]" * 32, '["\\ud800"]', "{" * 40 + "}" * 40])
def test_a_cell_that_may_be_json_is_left_to_the_careful_path_and_no_other(cell: str) -> None:
    parser = parsers(["key", "value"], PLAIN, Shape(infer_types=True))[0]
    rows = [["a", "1"], ["b", cell], ["c", '["]"]'], ["d", "{}"]]
    assert assert_as_each_row(parser, rows).others == [1]


@pytest.mark.parametrize(
    "odd",
    [
        ["b/", "2", ""],
        ["c"],
        ["d", "1", "", ""],
        ["", "4", ""],
        ["k" * 501, "5", ""],
        ["f", "6" * 300_000, ""],
        ["key", "value", "ttl"],
        ["g", "7", "soon"],
        ["h\tx", "8", ""],
    ],
    ids=short,
)
def test_an_odd_row_is_left_to_the_careful_path_and_no_other(odd: list[str]) -> None:
    rows = [["a", "1", ""], odd, ["key", "1", "7d"]]
    parser = parsers(["key", "value", "ttl"], PLAIN, RECORDS)[0]
    assert assert_as_each_row(parser, rows).others == [1]


def test_a_whole_row_keeps_the_names_of_its_columns() -> None:
    header = Header("in", Line(1, 'id,"a ""%s"" é",n'.encode()), ",")
    parser = table_set_parser(header, PLAIN, shape_of(key="{id}"))
    (body,) = parser.read_many([["7", "x", "1"]]).bodies
    assert json.loads(body)["value"] == {"id": "7", 'a "%s" é': "x", "n": "1"}
    assert_as_each_row(parser, [["7", "x", "1"]])
