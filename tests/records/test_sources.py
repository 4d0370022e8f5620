import gc
import gzip
import importlib.util
import os
import sys
import threading
from pathlib import Path

import pytest

from kvsctl.errors import StreamError, UsageError
from kvsctl.records.cutting.lines import Line
from kvsctl.records.formats import Format, Forms
from kvsctl.records.sources import Arguments, File

BOM = b"\xef\xbb\xbf"
KEYS = Forms(Format.KEYS, has_values=False)


class TestArguments:
    def test_are_the_bytes_that_the_shell_passed(self) -> None:
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

    @pytest.mark.parametrize("name", ["f.jsonl", "f.json", "f.csv"])
    def test_a_second_reading_gives_the_same_pieces(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / name
        path.write_bytes(b'["key,value", "b"]' if name == "f.json" else b"key,value\na,1\n")
        file = File(path)
        first = [line for lines in file.lines() for line in lines]
        assert [line for lines in file.lines() for line in lines] == first != []
        assert file.bytes_read == path.stat().st_size

    def test_an_empty_file_has_no_lines(self, tmp_path: Path) -> None:
        path = tmp_path / "keys.txt"
        path.touch()
        assert list(File(path).lines()) == []
        assert File(path).size == 0

    def test_keys_may_end_in_nul(self, tmp_path: Path) -> None:
        path = tmp_path / "keys"
        path.write_bytes(b"a\nb\0c\r\0")
        lines = [line for lines in File(path, end=b"\0", forms=KEYS).lines() for line in lines]
        assert lines == [Line(1, b"a\nb"), Line(2, b"c\r")]

    def test_a_pipe_gives_what_arrived_before_its_end(self) -> None:
        reading, writing = os.pipe()
        try:
            os.write(writing, b"a\nb\nc")
            file = File(None, reading, forms=KEYS)
            arrivals = file.lines()
            assert list(next(arrivals)) == [Line(1, b"a"), Line(2, b"b")]
            assert next(arrivals) == []
            os.write(writing, b"d\n")
            assert list(next(arrivals)) == [Line(3, b"cd")]
            os.close(writing)
            writing = -1
            assert list(arrivals) == []
            assert file.size is None
            assert file.label == "-"
            os.fstat(reading)  # the source must not close stdin
        finally:
            os.close(reading)
            if writing >= 0:
                os.close(writing)

    def test_checking_a_named_pipe_does_not_open_it(self, tmp_path: Path) -> None:
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
        ("name", "reason"),
        [
            ("none.txt", "No such file or directory"),
            (".", "is a directory"),
            ("a" * 300, "File name too long"),
            ("a\0b", ""),
        ],
    )
    def test_refuses_an_unreadable_file_before_anything_is_sent(
        self, tmp_path: Path, name: str, reason: str
    ) -> None:
        path = tmp_path / name
        with pytest.raises(UsageError) as caught:
            File(path).require_readable()
        assert caught.value.message.startswith(f"cannot read {path}: {reason}")

    def test_stdin_is_readable_until_it_is_read(self) -> None:
        File(None).require_readable()

    def test_a_file_that_vanishes_is_a_stream_error(self, tmp_path: Path) -> None:
        with pytest.raises(StreamError, match=r"cannot read .*: No such file"):
            list(File(tmp_path / "none.txt").lines())

    def test_a_read_that_fails_reports_how_much_was_read(self, tmp_path: Path) -> None:
        directory = os.open(tmp_path, os.O_RDONLY)
        try:
            with pytest.raises(StreamError, match="cannot read - after 0 bytes: Is a directory"):
                list(File(None, directory).lines())
        finally:
            os.close(directory)

    def test_a_closed_stdin_is_a_stream_error(self) -> None:
        reading, writing = os.pipe()
        os.close(writing)
        os.close(reading)
        with pytest.raises(StreamError, match="Bad file descriptor"):
            list(File(None, reading, forms=KEYS).lines())


def test_a_file_that_shrinks_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'{"key":"a","value":1}\n' * 100_000)
    lines = File(path).lines()
    next(lines)
    with path.open("r+b") as file:
        file.truncate(1_000_000)
    with pytest.raises(StreamError, match="shrank while it was read: 1,200,000 bytes"):
        list(lines)


def test_a_file_that_grows_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'{"key":"a","value":1}\n' * 50_000)
    count = 0
    for lines in File(path).lines():
        if not count:
            with path.open("ab") as file:
                file.write(b"{}\n")
        count += len(lines)
    assert count == 50_001


def test_files_are_opened_in_binary_mode_where_there_is_a_text_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In text mode, Windows ends a file at a byte 0x1A and turns CRLF into LF."""
    mark = 1 << 20
    monkeypatch.setattr(os, "O_BINARY", mark, raising=False)
    found = importlib.util.find_spec("kvsctl.records.sources")
    assert found is not None
    assert found.loader is not None
    there = importlib.util.module_from_spec(found)
    monkeypatch.setitem(sys.modules, found.name, there)
    found.loader.exec_module(there)
    opening = os.open
    asked: list[int] = []

    def opened(path: Path, flags: int) -> int:
        asked.append(flags & mark)
        return opening(path, flags & ~mark)

    monkeypatch.setattr(os, "open", opened)
    path = tmp_path / "plain.keys"
    path.write_bytes(b"a\r\nb\n")
    assert [line.text for lines in there.File(path).lines() for line in lines] == [b"a", b"b"]
    assert asked == [mark]


@pytest.mark.parametrize("is_compressed", [True, False])
def test_reading_pauses_in_a_long_file_without_pieces(tmp_path: Path, is_compressed: bool) -> None:
    path = tmp_path / "blank.jsonl"
    text = b"\n" * 4_000_000 + b'{"key":"a","value":1}\n'
    path.write_bytes(gzip.compress(text) if is_compressed else text)
    lists = list(File(path).lines())
    assert [line for lines in lists for line in lines] == [Line(4_000_001, text[-22:-1])]
    assert len(lists) > 3
