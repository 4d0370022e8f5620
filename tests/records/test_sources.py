import gc
import itertools
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvsctl.errors import StreamError, UsageError
from kvsctl.records import sources
from kvsctl.records.sources import MAX_LINE_BYTES, Arguments, File, Line, split_lines

BOM = b"\xef\xbb\xbf"
PIECES = st.lists(
    st.sampled_from([b"a", b"{}", b" ", b"\t", b"\r", b"\n", b"\r\n", b"\0", BOM, b"\xff"]),
    max_size=12,
)


def model(content: bytes, end: bytes) -> list[Line]:
    """What lines are, said plainly, for content that is there as a whole."""
    found = []
    for number, text in enumerate(content.removeprefix(BOM).split(end), 1):
        if end == b"\n":
            text = text.removesuffix(b"\r")
        if text.strip(b" \t\r\n"):
            found.append(Line(number, text))
    return found


def cut_into(content: bytes, places: list[int]) -> Iterator[bytes]:
    edges = [0, *sorted(place % (len(content) + 1) for place in places), len(content)]
    for start, stop in itertools.pairwise(edges):
        yield content[start:stop]


def lines_of(chunks: Iterator[bytes], end: bytes = b"\n") -> list[Line]:
    return [line for lines in split_lines(chunks, end) for line in lines]


class TestSplitLines:
    @given(PIECES.map(b"".join), st.lists(st.integers(0, 100)), st.sampled_from([b"\n", b"\0"]))
    @example(BOM + b"a\nb", [1, 2, 4], b"\n")
    @example(BOM, [1], b"\n")
    @example(b"\xef\xbb", [], b"\n")
    @example(BOM + BOM + b"a", [3], b"\n")
    @example(b"a\r\n\r\nb\r", [2, 3], b"\n")
    @example(b"a\r\r\n", [], b"\n")
    @example(b"\n" + BOM + b"a", [], b"\n")
    def test_agrees_with_a_plain_model_however_the_chunks_are_cut(
        self, content: bytes, places: list[int], end: bytes
    ) -> None:
        assert lines_of(cut_into(content, places), end) == model(content, end)

    def test_numbers_count_blank_lines(self) -> None:
        assert lines_of(iter([b"a\n\n \r\nb"])) == [Line(1, b"a"), Line(4, b"b")]

    def test_gives_each_line_when_it_is_complete_and_says_when_nothing_is_there(self) -> None:
        chunks = iter([b"a\nb", b"", b"c\n", b"", b"d"])
        assert list(split_lines(chunks)) == [
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
        monkeypatch.setattr(sources, "MAX_LINE_BYTES", 8)
        monkeypatch.setattr(sources, "_KEPT_BYTES", 3)

    @pytest.mark.parametrize("step", [1, 2, 3, 5, 8, 9, 100])
    @pytest.mark.parametrize(
        "long",
        [b"123456789", b"1" * 40, b"         x", b" " * 20 + b"x" + b" " * 20, b" " * 20],
    )
    def test_one_is_cut_and_stops_nothing_however_the_chunks_are_cut(
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


def test_a_line_past_the_bound_is_not_kept_in_memory() -> None:
    chunk = b"x" * (1024 * 1024)
    chunks = (chunk for _ in range(MAX_LINE_BYTES // len(chunk) + 2))
    (line,) = lines_of(chunks)
    assert line.cut
    assert len(line.text) == 1024


class TestArguments:
    def test_are_the_bytes_that_the_shell_gave(self) -> None:
        words = ["a=1", "", os.fsdecode(b"b=\xff")]
        assert list(Arguments(words).lines()) == [
            [Line(1, b"a=1"), Line(2, b""), Line(3, b"b=\xff")]
        ]
        assert Arguments(words).label == "arg"


class TestFile:
    def test_reads_lines_and_counts_bytes(self, tmp_path: Path) -> None:
        path = tmp_path / "keys.txt"
        path.write_bytes(BOM + b"a\r\n\nb")
        file = File(path)
        file.require_readable()
        assert file.size == 8
        assert [line for lines in file.lines() for line in lines] == [Line(1, b"a"), Line(3, b"b")]
        assert file.bytes_read == 8
        assert file.label == str(path)

    def test_reads_a_file_that_is_longer_than_a_chunk(self, tmp_path: Path) -> None:
        path = tmp_path / "keys.txt"
        keys = [f"key{number:06}".encode() for number in range(60_000)]
        path.write_bytes(b"\n".join(keys))
        found = [line for lines in File(path).lines() for line in lines]
        assert found == [Line(number, key) for number, key in enumerate(keys, 1)]

    def test_an_empty_file_has_no_lines(self, tmp_path: Path) -> None:
        path = tmp_path / "keys.txt"
        path.touch()
        assert list(File(path).lines()) == []
        assert File(path).size == 0

    def test_keys_may_end_in_nul(self, tmp_path: Path) -> None:
        path = tmp_path / "keys"
        path.write_bytes(b"a\nb\0c\r\0")
        lines = [line for lines in File(path, end=b"\0").lines() for line in lines]
        assert lines == [Line(1, b"a\nb"), Line(2, b"c\r")]

    def test_a_pipe_gives_what_arrived_before_its_end(self) -> None:
        reading, writing = os.pipe()
        try:
            os.write(writing, b"a\nb\nc")
            file = File(None, reading)
            arrivals = file.lines()
            assert next(arrivals) == [Line(1, b"a"), Line(2, b"b")]
            assert next(arrivals) == []
            os.write(writing, b"d\n")
            assert next(arrivals) == [Line(3, b"cd")]
            os.close(writing)
            writing = -1
            assert list(arrivals) == []
            assert file.size is None
            assert file.label == "-"
            os.fstat(reading)  # stdin is not the source's to close
        finally:
            os.close(reading)
            if writing >= 0:
                os.close(writing)

    def test_a_named_pipe_is_not_opened_to_see_whether_it_can_be_read(self, tmp_path: Path) -> None:
        path = tmp_path / "pipe"
        os.mkfifo(path)
        file = File(path)
        file.require_readable()
        assert file.size is None
        writer = threading.Thread(target=path.write_bytes, args=(b"a\nb",))
        writer.start()
        found = [line for lines in file.lines() for line in lines]
        writer.join()
        assert found == [Line(1, b"a"), Line(2, b"b")]

    def test_closes_what_it_opened(self, tmp_path: Path) -> None:
        path = tmp_path / "keys.txt"
        path.write_bytes(b"a\n" * 300_000)
        gc.collect()
        before = len(os.listdir("/dev/fd"))
        list(File(path).lines())
        unfinished = File(path).lines()
        next(unfinished)
        unfinished.close()  # type: ignore[attr-defined]
        assert len(os.listdir("/dev/fd")) == before

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("none.txt", "none.txt cannot be read: No such file or directory"),
            (".", " is a directory"),
            ("a" * 300, " cannot be read: File name too long"),
            ("a\0b", " cannot be read: "),
        ],
    )
    def test_refuses_what_cannot_be_read_before_anything_is_sent(
        self, tmp_path: Path, name: str, message: str
    ) -> None:
        with pytest.raises(UsageError) as caught:
            File(tmp_path / name).require_readable()
        assert message in caught.value.message

    def test_stdin_is_readable_until_it_is_read(self) -> None:
        File(None).require_readable()

    def test_a_file_that_vanishes_is_a_stream_error(self, tmp_path: Path) -> None:
        with pytest.raises(StreamError, match="cannot be read: No such file"):
            list(File(tmp_path / "none.txt").lines())

    def test_a_read_that_fails_says_how_far_it_came(self, tmp_path: Path) -> None:
        directory = os.open(tmp_path, os.O_RDONLY)
        try:
            with pytest.raises(StreamError, match="- failed after 0 bytes: Is a directory"):
                list(File(None, directory).lines())
        finally:
            os.close(directory)

    def test_a_closed_stdin_is_a_stream_error(self) -> None:
        reading, writing = os.pipe()
        os.close(writing)
        os.close(reading)
        with pytest.raises(StreamError, match="Bad file descriptor"):
            list(File(None, reading).lines())
