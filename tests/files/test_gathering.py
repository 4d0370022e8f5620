"""Many small writes become few."""

import errno
import os
from pathlib import Path

import pytest

from kvsctl.files.raw import write_all
from kvsctl.files.sinks import DescriptorWriter, PartFile
from tests.files.conftest import MEGABYTE, read_exactly


class Clock:
    """A clock that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class TestGathering:
    """Small writes become few, and none waits for long."""

    def test_a_part_is_written_when_enough_has_gathered_or_it_is_time(self, tmp_path: Path) -> None:
        clock = Clock()
        sink = PartFile(tmp_path / "out", clock=clock)
        part = sink.part_path
        sink.write(b"first\n")
        assert part.read_bytes() == b"first\n"
        sink.write(b"second\n")
        clock.now = 0.09
        sink.write(b"third\n")
        assert (part.read_bytes(), sink.pending_bytes) == (b"first\n", 13)
        clock.now = 0.11
        sink.write(b"fourth\n")
        assert part.read_bytes() == b"first\nsecond\nthird\nfourth\n"
        assert sink.pending_bytes == 0
        sink.write(MEGABYTE)
        assert part.stat().st_size == 1_000_026
        sink.write(b"last\n")
        sink.complete()
        assert (tmp_path / "out").read_bytes().endswith(b"xlast\n")

    def test_a_mark_covers_all_that_was_taken(self, tmp_path: Path) -> None:
        sink = PartFile(tmp_path / "out", clock=Clock())
        for _ in range(3):
            sink.write(b"line\n")
        assert sink.mark() == 15
        assert sink.part_path.read_bytes() == b"line\n" * 3
        sink.write(b"line\n")
        sink.abandon()
        assert sink.part_path.read_bytes() == b"line\n" * 4

    def test_on_a_full_disk_all_chunks_that_fit_are_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        room = 14

        def write_what_fits(fd: int, chunk: bytes) -> None:
            left = room - os.fstat(fd).st_size
            write_all(fd, chunk[:left])
            if len(chunk) > left:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr("kvsctl.files.sinks.write_all", write_what_fits)
        sink = PartFile(tmp_path / "out", clock=Clock())
        for _ in range(4):
            sink.write(b"line\n")
        assert sink.mark() == 10
        assert sink.broken is not None
        sink.write(b"late\n")
        sink.complete()
        assert sink.part_path.read_bytes() == b"line\nline\n"

    def test_an_error_that_passes_loses_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        errors = [OSError(errno.EIO, "")]

        def write_at_the_second_attempt(fd: int, chunk: bytes) -> None:
            write_all(fd, chunk[:3])
            if len(chunk) > 5 and errors:
                raise errors.pop()
            write_all(fd, chunk[3:])

        monkeypatch.setattr("kvsctl.files.sinks.write_all", write_at_the_second_attempt)
        sink = PartFile(tmp_path / "out", clock=Clock())
        for number in range(4):
            sink.write(b"%04d\n" % number)
        sink.complete()
        assert sink.broken is None
        assert (tmp_path / "out").read_bytes() == b"0000\n0001\n0002\n0003\n"

    def test_many_small_writes_to_a_pipe_become_few(
        self, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reader, writer = pipe
        written: list[int] = []

        def counting(fd: int, chunk: bytes) -> None:
            written.append(len(chunk))
            write_all(fd, chunk)

        monkeypatch.setattr("kvsctl.files.sinks.write_all", counting)
        sink = DescriptorWriter(writer)
        for number in range(1000):
            sink.write(b"%04d\n" % number)
        sink.complete()
        assert read_exactly(reader, 5000) == b"".join(b"%04d\n" % one for one in range(1000))
        assert len(written) < 500

    def test_the_reader_of_a_pipe_does_not_wait_for_more(self, pipe: tuple[int, int]) -> None:
        reader, writer = pipe
        sink = DescriptorWriter(writer)
        for _ in range(3):
            sink.write(b"a\n")
            assert read_exactly(reader, 2) == b"a\n"
        sink.complete()
