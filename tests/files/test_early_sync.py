"""A large file is synced while it is written, by one sync at a time."""

import errno
import os
import threading
from pathlib import Path

import pytest

from kvsctl.files.early_sync import STEP_BYTES, EarlySync
from kvsctl.files.sinks import PartFile, open_output
from tests.support.needs import IS_LINUX, only_on

_TIMEOUT_SECONDS = 30


class Disk:
    """A sync that takes as long as the test wants, and then fails if `error` is set."""

    def __init__(self) -> None:
        self.began = threading.Semaphore(0)
        self.may_end = threading.Semaphore(0)
        self.synced_bytes: list[int] = []
        self.error: OSError | None = None

    def __call__(self, fd: int) -> None:
        self.synced_bytes.append(os.fstat(fd).st_size)
        self.began.release()
        assert self.may_end.acquire(timeout=_TIMEOUT_SECONDS)
        if self.error is not None:
            raise self.error

    def await_sync(self) -> None:
        assert self.began.acquire(timeout=_TIMEOUT_SECONDS)


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def fd(tmp_path: Path) -> int:
    return os.open(tmp_path / "file", os.O_CREAT | os.O_WRONLY, 0o600)


def test_each_step_is_synced_without_waiting_and_none_beside_another(fd: int, disk: Disk) -> None:
    early = EarlySync(fd, disk)
    early.note(STEP_BYTES - 1)
    assert not disk.synced_bytes
    early.note(1)
    disk.await_sync()
    early.note(3 * STEP_BYTES)
    assert len(disk.synced_bytes) == 1
    disk.may_end.release()
    early.wait()
    early.note(1)
    disk.await_sync()
    disk.may_end.release()
    early.wait()
    assert len(disk.synced_bytes) == 2
    assert early.error is None
    os.close(fd)


def test_nothing_is_synced_after_an_error(fd: int, disk: Disk) -> None:
    disk.error = OSError(errno.EIO, "Input/output error")
    disk.may_end.release()
    early = EarlySync(fd, disk)
    early.note(STEP_BYTES)
    early.wait()
    assert early.error is disk.error
    early.note(STEP_BYTES)
    early.wait()
    assert len(disk.synced_bytes) == 1
    os.close(fd)


def test_without_more_threads_nothing_is_synced_early(
    fd: int, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    early = EarlySync(fd, disk)
    early.note(STEP_BYTES)
    early.wait()
    assert not disk.synced_bytes
    assert early.error is None
    os.close(fd)


class TestPart:
    """A part is synced while it is written, and complete only if each sync succeeded."""

    def test_is_complete_once_the_early_sync_has_ended(self, tmp_path: Path, disk: Disk) -> None:
        sink = PartFile(tmp_path / "out", early_sync=disk)
        sink.write(b"x" * STEP_BYTES)
        disk.await_sync()
        sink.write(b"last\n")
        closing = threading.Thread(target=sink.complete, daemon=True)
        closing.start()
        assert not (tmp_path / "out").exists()
        disk.may_end.release()
        closing.join(_TIMEOUT_SECONDS)
        assert sink.broken is None
        assert (tmp_path / "out").read_bytes() == b"x" * STEP_BYTES + b"last\n"
        assert disk.synced_bytes == [STEP_BYTES]

    @pytest.mark.parametrize("more", [b"", b"more\n"])
    def test_is_not_complete_if_an_early_sync_failed(
        self, tmp_path: Path, disk: Disk, more: bytes
    ) -> None:
        disk.error = OSError(errno.EIO, "Input/output error")
        sink = PartFile(tmp_path / "out", early_sync=disk)
        sink.write(b"x" * STEP_BYTES)
        disk.await_sync()
        disk.may_end.release()
        if more:
            sink.write(more)
        sink.complete()
        assert sink.broken is disk.error
        assert not (tmp_path / "out").exists()
        assert sink.part_path.read_bytes().startswith(b"x" * STEP_BYTES)

    def test_takes_no_more_once_an_early_sync_has_failed(self, tmp_path: Path, disk: Disk) -> None:
        disk.error = OSError(errno.EIO, "Input/output error")
        sink = PartFile(tmp_path / "out", early_sync=disk)
        sink.write(b"x" * STEP_BYTES)
        early = sink._early
        assert early is not None
        disk.may_end.release()
        early.wait()
        sink.write(b"y" * STEP_BYTES)
        assert sink.broken is disk.error
        sink.write(b"z" * STEP_BYTES)
        sink.abandon()
        assert sink.broken is disk.error
        assert sink.part_path.stat().st_size == 2 * STEP_BYTES


@only_on(IS_LINUX, "only where there is fdatasync")
def test_an_output_is_synced_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk()
    disk.may_end.release()
    monkeypatch.setattr(os, "fdatasync", disk)
    sink = open_output(tmp_path / "out")
    sink.write(b"x" * STEP_BYTES)
    sink.complete()
    assert disk.synced_bytes == [STEP_BYTES]
    assert sink.broken is None
