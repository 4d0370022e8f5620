"""Output to a pipe, a device or a descriptor."""

import errno
import os
import stat
from pathlib import Path

import pytest

from kvsctl.errors import ExitStatus, UsageError
from kvsctl.files import sinks
from kvsctl.files.sinks import DescriptorWriter, open_output, status_of
from tests.files.conftest import MEGABYTE, needs_full_disk, read_exactly


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
