import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvsctl.records.checks import Breach
from kvsctl.records.cutting import lines as bounds
from kvsctl.records.cutting.lines import Line
from kvsctl.records.cutting.rows import split_rows
from kvsctl.records.parsing.cells import cells_reader, json_of_cell
from tests.records.cutting.chunks import cut_into
from tests.support.jsontexts import VALUES

CUTS = st.lists(st.integers(0, 200), max_size=6)
CELLS = st.text(st.sampled_from('ab",;\t\n \0é'), max_size=6)
TABLES = st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=5)
DELIMITERS = st.sampled_from([",", ";", "\t", "|", "^", "]", "\\"])


def rows_of(content: bytes, cuts: list[int], delimiter: str = ",") -> list[Line]:
    chunks = cut_into(content, cuts)
    return [row for rows in split_rows(chunks, delimiter) for row in rows]


def written(table: list[list[str]], delimiter: str, end: str, *, quoted: bool) -> str:
    out = io.StringIO()
    rows = csv.writer(
        out,
        delimiter=delimiter,
        lineterminator=end,
        quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL,
    )
    rows.writerows(table)
    return out.getvalue()


class TestAgainstTheStandardLibrary:
    @given(TABLES, DELIMITERS, st.sampled_from(["\n", "\r\n"]), st.booleans(), CUTS)
    @example([["a", ""], ["", "b"]], ",", "\n", False, [])
    @example([['"', "\n"]], ",", "\r\n", True, [2, 3])
    def test_reads_what_the_csv_module_writes(
        self, table: list[list[str]], delimiter: str, end: str, quoted: bool, cuts: list[int]
    ) -> None:
        content = written(table, delimiter, end, quoted=quoted)
        read = cells_reader(delimiter)
        found = [read(row.text) for row in rows_of(content.encode(), cuts, delimiter)]
        rows = [row for row in table if written([row], delimiter, end, quoted=quoted).strip()]
        assert found == rows

    @given(st.text(st.sampled_from('a",\n'), max_size=30), CUTS)
    def test_any_text_has_the_same_rows(self, text: str, cuts: list[int]) -> None:
        """Rows start and end at the same places, whether their quotes are right or wrong."""
        theirs = list(csv.reader(io.StringIO(text, newline="")))
        found = rows_of(text.encode(), cuts)
        assert len(found) == len([row for row in theirs if row])
        read = cells_reader(",")
        for row, cells in zip(found, filter(None, theirs), strict=True):
            ours = read(row.text)
            assert isinstance(ours, Breach) or ours == cells


class TestPlaces:
    def test_the_number_is_that_of_the_first_line(self) -> None:
        content = b'k,v\r\n\r\na,"1\n\n2"\r\nb,3\n\xff"\n'
        assert rows_of(content, []) == [
            Line(1, b"k,v"),
            Line(3, b'a,"1\n\n2"'),
            Line(6, b"b,3"),
            Line(7, b'\xff"'),
        ]

    def test_rows_are_given_once_complete(self) -> None:
        chunks = iter([b'a,"', b"", b'\n"\nb', b"", b""])
        assert [list(rows) for rows in split_rows(chunks, ",")] == [
            [],
            [Line(1, b'a,"\n"')],
            [],
            [],
            [Line(3, b"b")],
        ]


class TestLongRows:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bounds, "MAX_LINE_BYTES", 12)
        monkeypatch.setattr(bounds, "KEPT_BYTES", 3)

    @pytest.mark.parametrize("step", [1, 2, 5, 13, 100])
    @pytest.mark.parametrize(
        ("long", "lines"),
        [
            (b"1234567890123", 1),
            (b'"12345678901"', 1),
            (b'"1\n2\n3\n4\n5\n6\n7\n8"', 8),
            (b'a,"1234567890123\n,"', 2),
            (b'a,"12\n4567890123456"', 2),
            (b'"\n34567890123456"', 2),
            (b'"\n\n4567890123456"', 3),
        ],
    )
    def test_a_long_row_is_cut_and_affects_no_other(
        self, long: bytes, lines: int, step: int
    ) -> None:
        content = b"a,b\n" + long + b"\nc,d\n" + long
        chunks = (content[at : at + step] for at in range(0, len(content), step))
        found = [row for rows in split_rows(chunks, ",") for row in rows]
        assert found == [
            Line(1, b"a,b"),
            Line(2, long[:3], cut=True),
            Line(2 + lines, b"c,d"),
            Line(3 + lines, long[:3], cut=True),
        ]

    def test_the_longest_row_is_kept(self) -> None:
        assert rows_of(b'"12345\n789"\n"12345\n7890"', []) == [
            Line(1, b'"12345\n789"'),
            Line(3, b'"12345\n7890"'),
        ]


class TestCells:
    @pytest.mark.parametrize("row", [b'"a', b'"a"b,c', b'a,"b""', b'""a"'])
    def test_a_quote_that_is_not_closed_or_closed_too_soon_is_a_breach(self, row: bytes) -> None:
        breach = cells_reader(",")(row)
        assert isinstance(breach, Breach)
        assert "write a quote inside a quoted cell as two quotes" in breach.message

    def test_a_broken_row_does_not_affect_the_next(self) -> None:
        read = cells_reader(",")
        for broken in (b'"a', b'"a"b', b'"' + b"x" * 200_000):
            assert isinstance(read(broken), Breach)
            assert read(b'"b""",c') == ['b"', "c"]

    def test_invalid_utf8_is_a_breach_with_its_position(self) -> None:
        breach = cells_reader(",")(b"ab,\xff")
        assert isinstance(breach, Breach)
        assert breach.message == "invalid UTF-8 at byte 4 of the row"

    def test_quotes_inside_a_cell_and_white_space_belong_to_it(self) -> None:
        assert cells_reader(",")(b'5" nail, a ,') == ['5" nail', " a ", ""]


class TestTypes:
    @given(VALUES)
    def test_json_keeps_its_exact_bytes(self, text: str) -> None:
        assert json_of_cell(text) == text.encode()

    @pytest.mark.parametrize("cell", ["", " 1", "01", "1.", "NaN", "{", '"', "[1,]", "True", "-"])
    def test_everything_else_is_a_string(self, cell: str) -> None:
        assert json_of_cell(cell) == b'"%b"' % cell.replace('"', '\\"').encode()

    def test_a_cell_that_nests_too_deep_is_not_parsed(self) -> None:
        assert json_of_cell("[" * 100_000 + "]" * 100_000) is None
