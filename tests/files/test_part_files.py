"""Output to a file that appears once it is complete."""

import errno
import os
import stat
from pathlib import Path

import pytest

from kvsctl.errors import ExitStatus, UsageError
from kvsctl.files.raw import write_all
from kvsctl.files.sinks import PartFile, open_output, status_of
from tests.files.conftest import needs_full_disk


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
