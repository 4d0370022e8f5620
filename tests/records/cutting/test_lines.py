from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvsctl.records.cutting import lines as module
from kvsctl.records.cutting.lines import MAX_LINE_BYTES, Line, Lines, split_lines, without_mark
from tests.records.cutting.chunks import cut_into

BOM = b"\xef\xbb\xbf"
PIECES = st.lists(
    st.sampled_from([b"a", b"{}", b" ", b"\t", b"\r", b"\n", b"\r\n", b"\0", BOM, b"\xff"]),
    max_size=12,
)


def model(content: bytes, end: bytes) -> list[Line]:
    """Return the lines of the whole content: the plainest implementation."""
    found = []
    for number, text in enumerate(content.removeprefix(BOM).split(end), 1):
        if end == b"\n":
            text = text.removesuffix(b"\r")
        if text.strip(b" \t\r\n"):
            found.append(Line(number, text))
    return found


def lines_of(chunks: Iterator[bytes], end: bytes = b"\n") -> list[Line]:
    return [line for lines in split_lines(without_mark(chunks), end) for line in lines]


def test_line_numbers_do_not_depend_on_the_chunks() -> None:
    lines = Lines(7, [b"a", b"b", b"c", b"d"])
    assert (
        [*lines] == [*lines[:1], *lines[1:]] == [Line(7 + n, b"%c" % b"abcd"[n]) for n in range(4)]
    )
    assert lines[1:3][-1] == lines[2] == lines[-2]
    assert len(lines[3:9]) == 1
    with pytest.raises(ValueError, match="follow each other"):
        lines[::2]


class TestSplitLines:
    @given(PIECES.map(b"".join), st.lists(st.integers(0, 100)), st.sampled_from([b"\n", b"\0"]))
    @example(BOM + b"a\nb", [1, 2, 4], b"\n")
    @example(BOM, [1], b"\n")
    @example(b"\xef\xbb", [], b"\n")
    @example(BOM + BOM + b"a", [3], b"\n")
    @example(b"a\r\n\r\nb\r", [2, 3], b"\n")
    @example(b"a\r\r\n", [], b"\n")
    @example(b"\n" + BOM + b"a", [], b"\n")
    def test_agrees_with_a_plain_model_whatever_the_chunks(
        self, content: bytes, places: list[int], end: bytes
    ) -> None:
        assert lines_of(cut_into(content, places), end) == model(content, end)

    def test_numbers_count_blank_lines(self) -> None:
        assert lines_of(iter([b"a\n\n \r\nb"])) == [Line(1, b"a"), Line(4, b"b")]

    def test_gives_each_line_once_complete_and_an_empty_list_for_an_empty_chunk(self) -> None:
        chunks = iter([b"a\nb", b"", b"c\n", b"", b"d"])
        assert list(map(list, split_lines(chunks))) == [
            [Line(1, b"a")],
            [],
            [Line(2, b"bc")],
            [],
            [Line(3, b"d")],
        ]

    def test_does_not_trim(self) -> None:
        assert lines_of(iter([b" a \n\tb\x0b\n"])) == [Line(1, b" a "), Line(2, b"\tb\x0b")]


class TestLongLines:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "MAX_LINE_BYTES", 8)
        monkeypatch.setattr(module, "KEPT_BYTES", 3)

    @pytest.mark.parametrize("step", [1, 2, 3, 5, 8, 9, 100])
    @pytest.mark.parametrize(
        "long",
        [b"123456789", b"1" * 40, b"         x", b" " * 20 + b"x" + b" " * 20, b" " * 20],
    )
    def test_a_long_line_is_cut_and_affects_no_other_whatever_the_chunks(
        self, step: int, long: bytes
    ) -> None:
        content = b"a\n" + long + b"\nb\n\n" + long
        chunks = (content[at : at + step] for at in range(0, len(content), step))
        assert lines_of(chunks) == [
            Line(1, b"a"),
            Line(2, long[:3], cut=True),
            Line(3, b"b"),
            Line(5, long[:3], cut=True),
        ]

    def test_the_longest_line_is_kept(self) -> None:
        assert lines_of(iter([b"12345678\n", b"12345678"])) == [
            Line(1, b"12345678"),
            Line(2, b"12345678"),
        ]

    def test_a_byte_order_mark_does_not_count(self) -> None:
        assert lines_of(iter([BOM + b"12345678\n"])) == [Line(1, b"12345678")]


def test_a_line_over_the_limit_is_not_kept_in_memory() -> None:
    chunk = b"x" * (1024 * 1024)
    chunks = (chunk for _ in range(MAX_LINE_BYTES // len(chunk) + 2))
    (line,) = lines_of(chunks)
    assert line.cut
    assert len(line.text) == 1024
