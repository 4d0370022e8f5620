"""Output does not block and is not lost, whatever its reader does."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvsctl.errors import ExitStatus, UsageError
from kvsctl.files import sinks
from kvsctl.files.raw import write_all
from kvsctl.files.sinks import DescriptorWriter, PartFile, open_output, status_of
from tests.support.needs import IS_LINUX, only_on

MEGABYTE = b"x" * 1_000_000
needs_full_disk = only_on(IS_LINUX, "only Linux has a device that is always full")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for fd in (reader, writer):
        try:
            os.close(fd)
        except OSError:
            continue


def read_exactly(fd: int, size: int) -> bytes:
    read = b""
    while len(read) < size:
        read += os.read(fd, size - len(read))
    return read


@pytest.mark.parametrize("is_blocking", [True, False])
def test_writing_never_waits_for_the_reader(pipe: tuple[int, int], is_blocking: bool) -> None:
    reader, writer = pipe
    os.set_blocking(writer, is_blocking)
    sink = DescriptorWriter(writer)
    sink.write(b"head")
    sink.write(MEGABYTE)
    sink.write(b"tail")
    assert sink.pending_bytes > 0
    assert read_exactly(reader, 1_000_008) == b"head" + MEGABYTE + b"tail"
    sink.complete()
    assert sink.pending_bytes == 0
    assert sink.broken is None


def test_output_that_lacks_memory_is_broken(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int, chunk: bytes) -> None:
        raise MemoryError

    monkeypatch.setattr(sinks, "write_all", refuse)
    sink = DescriptorWriter(pipe[1])
    sink.write(b"lost")
    sink.complete()
    assert sink.broken is not None
    assert sink.broken.errno == errno.ENOMEM
    assert sink.pending_bytes == 0


def test_completing_waits_for_the_last_byte(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)
    sink = DescriptorWriter(fd)
    for _ in range(5):
        sink.write(MEGABYTE)
    sink.complete()
    assert (tmp_path / "out").stat().st_size == 5_000_000
    sink.write(b"too late")
    sink.abandon()
    assert sink.pending_bytes == 0
    os.close(fd)


def test_empty_writes_do_not_end_the_output(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    sink = DescriptorWriter(writer)
    sink.write(b"")
    sink.write(b"a")
    assert read_exactly(reader, 1) == b"a"
    sink.write(b"")
    sink.write(b"b")
    sink.complete()
    assert read_exactly(reader, 1) == b"b"


def test_a_closed_pipe_has_its_own_exit_status(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.close(reader)
    sink = DescriptorWriter(writer)
    sink.write(b"a")
    sink.complete()
    sink.write(b"b")
    assert sink.broken is not None
    assert status_of(sink.broken) is ExitStatus.PIPE_CLOSED
    assert sink.pending_bytes == 0


@needs_full_disk
def test_a_full_disk_is_a_stream_error() -> None:
    sink = open_output(Path("/dev/full"))
    sink.write(b"a")
    sink.complete()
    assert sink.broken is not None
    assert status_of(sink.broken) is ExitStatus.STREAM


def test_a_part_becomes_the_file_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(b"earlier run")
    sink = open_output(path)
    sink.write(b"a\n")
    sink.write(b"b\n")
    assert path.read_bytes() == b"earlier run"
    part = tmp_path / "out.jsonl.part"
    assert stat.S_IMODE(part.stat().st_mode) == 0o600
    sink.complete()
    sink.complete()
    assert path.read_bytes() == b"a\nb\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not part.exists()


def test_an_abandoned_part_stays_and_the_file_is_untouched(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(b"earlier run")
    sink = PartFile(path)
    sink.write(b"a\n")
    sink.abandon()
    assert sink.broken is None
    assert path.read_bytes() == b"earlier run"
    assert sink.part_path.read_bytes() == b"a\n"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    sink = PartFile(tmp_path / "link")
    sink.write(b"a")
    sink.complete()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"a"


def test_a_part_that_cannot_be_renamed_is_broken(tmp_path: Path) -> None:
    sink = PartFile(tmp_path / "out")
    sink.write(b"a")
    (tmp_path / "out").mkdir()
    sink.complete()
    assert sink.broken is not None
    assert sink.part_path.read_bytes() == b"a"


def test_a_part_that_cannot_be_closed_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def close(_: int) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    sink = PartFile(tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr("os.close", close)
        sink.complete()
    assert sink.broken is not None
    assert not (tmp_path / "out").exists()


@needs_full_disk
def test_a_broken_part_never_becomes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = PartFile(tmp_path / "out")
    sink.write(b"a")
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr("kvsctl.files.sinks.write_all", lambda fd, _: write_all(full, b"b"))
    sink.write(b"b")
    assert sink.mark() == 1
    monkeypatch.undo()
    sink.write(b"c")
    sink.complete()
    os.close(full)
    assert sink.broken is not None
    assert status_of(sink.broken) is ExitStatus.STREAM
    assert sink.part_path.read_bytes() == b"a"
    assert not (tmp_path / "out").exists()


def test_a_named_pipe_is_written_to_in_place(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    sink = open_output(path)
    sink.write(b"a")
    sink.complete()
    assert os.read(reader, 10) == b"a"
    assert stat.S_ISFIFO(path.stat().st_mode)
    os.close(reader)


def test_a_path_that_cannot_be_opened_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Is a directory"):
        open_output(tmp_path)
    with pytest.raises(UsageError, match="No such file"):
        open_output(tmp_path / "no" / "file")


def test_a_part_is_truncated_to_the_kept_bytes_and_continued(tmp_path: Path) -> None:
    part = tmp_path / "out.part"
    part.write_bytes(b"abcdef")
    sink = PartFile(tmp_path / "out", kept_bytes=3)
    assert sink.mark() == 3
    sink.write(b"DE")
    sink.sync()
    assert sink.mark() == 5
    assert stat.S_IMODE(part.stat().st_mode) == 0o600
    sink.complete()
    sink.sync()
    assert (tmp_path / "out").read_bytes() == b"abcDE"


def test_a_complete_file_is_continued_only_if_it_may_be_the_part(
    tmp_path: Path,
) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"abc")
    with pytest.raises(UsageError, match=r"out\.part"):
        PartFile(path, kept_bytes=3)
    sink = PartFile(path, kept_bytes=3, may_be_complete=True)
    assert not path.exists()
    sink.write(b"d")
    sink.complete()
    assert path.read_bytes() == b"abcd"


def test_a_part_that_is_shorter_than_the_kept_bytes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out.part").write_bytes(b"ab")
    with pytest.raises(UsageError, match="has 2 bytes, but the journal recorded 3"):
        PartFile(tmp_path / "out", kept_bytes=3)
    (tmp_path / "out.part").unlink()
    with pytest.raises(UsageError, match="is missing, but the journal recorded 3 bytes"):
        PartFile(tmp_path / "out", kept_bytes=3)


@pytest.mark.parametrize("is_complete", [True, False])
def test_a_part_that_was_truncated_is_broken(tmp_path: Path, is_complete: bool) -> None:
    sink = PartFile(tmp_path / "out")
    sink.write(b"abc")
    os.truncate(sink.part_path, 2)
    with pytest.raises(OSError, match=r"out\.part was truncated by another program"):
        sink.sync()
    sink.write(b"d")
    sink.mark()
    assert sink.part_path.read_bytes() == b"abd"
    if is_complete:
        sink.complete()
    else:
        sink.abandon()
    assert sink.broken is not None
    assert "truncated by another program during the run" in str(sink.broken)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("is_complete", [True, False])
@pytest.mark.parametrize("is_replaced", [True, False])
def test_a_part_that_was_removed_or_replaced_is_broken(
    tmp_path: Path, is_complete: bool, is_replaced: bool
) -> None:
    sink = PartFile(tmp_path / "out")
    sink.write(b"a")
    sink.part_path.unlink()
    if is_replaced:
        sink.part_path.write_bytes(b"of somebody else")
    with pytest.raises(OSError, match=r"out\.part was removed or replaced during the run"):
        sink.sync()
    if is_complete:
        sink.complete()
    else:
        sink.abandon()
    assert sink.broken is not None
    assert "removed or replaced" in str(sink.broken)
    assert not (tmp_path / "out").exists()


@needs_full_disk
def test_a_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_half(fd: int, chunk: bytes) -> None:
        write_all(fd, chunk[: len(chunk) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    sink = PartFile(tmp_path / "out")
    sink.write(b"first\n")
    monkeypatch.setattr("kvsctl.files.sinks.write_all", write_half)
    sink.write(b"second\n")
    sink.complete()
    assert sink.broken is not None
    assert sink.part_path.read_bytes() == b"first\n"


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
