"""Files of records: read plain or compressed, and replaced whole or not at all."""

import gzip
import os
from pathlib import Path

import pytest
from backports import zstd

from kvsctl.emulator import EmulatorError, embedded
from kvsctl.emulator.operations.record_files import (
    ExportFailed,
    is_same_file,
    opened,
    replaced,
    require_writable,
)
from kvsctl.emulator.operations.seed import load_seed
from tests.support.needs import IS_POSIX, only_on

LINES = b'{"key":"a","value":1}\n{"key":"b","value":2}\n'


@pytest.mark.parametrize("name", ["kvs.jsonl", "kvs.jsonl.gz", "kvs.jsonl.zst", "KVS.GZ"])
def test_what_was_written_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with replaced(path) as file:
        file.write(LINES)
        assert not path.exists()
    with opened(path) as file:
        assert file.read() == LINES
    assert (path.read_bytes() == LINES) is (name == "kvs.jsonl")
    emulator = embedded(":memory:")
    assert load_seed(path, emulator.service, emulator.store) == 2
    emulator.close()


def test_compression_is_found_by_the_bytes_whatever_the_name(tmp_path: Path) -> None:
    path = tmp_path / "kvs.jsonl"
    path.write_bytes(gzip.compress(LINES[:22]) + gzip.compress(LINES[22:]))
    with opened(path) as file:
        assert file.read() == LINES


def test_frames_of_zstd_to_skip_are_skipped_as_pzstd_writes_them(tmp_path: Path) -> None:
    skipped, path = b"\x50\x2a\x4d\x18\4\0\0\0\n\n\n\n", tmp_path / "kvs.jsonl"
    path.write_bytes(
        skipped + zstd.compress(LINES[:22]) + skipped + zstd.compress(LINES[22:]),
    )
    with opened(path) as file:
        assert file.read() == LINES


@pytest.mark.parametrize(("name", "left"), [("kvs.gz", 0.5), ("kvs.gz", 1.0), ("kvs.zst", 0.5)])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, left: float) -> None:
    path = tmp_path / name
    with replaced(path) as file:
        file.write(os.urandom(10_000))
    content = bytearray(path.read_bytes())
    content[40] ^= 0xFF
    path.write_bytes(content[: int(len(content) * left)])
    with pytest.raises(EmulatorError, match=rf"cannot read .*{name}: "), opened(path) as file:
        file.read()


def test_an_error_of_the_reader_is_its_own(tmp_path: Path) -> None:
    path = tmp_path / "kvs.jsonl"
    path.write_bytes(LINES)
    with pytest.raises(KeyError), opened(path):
        raise KeyError


def test_a_block_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "kvs.jsonl"
    path.write_bytes(b"before")
    with pytest.raises(TypeError), replaced(path) as file:
        file.write("not bytes")  # type: ignore[call-overload]
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "kvs.jsonl"
    path.write_bytes(b"before")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ExportFailed, match="no space left on device"), replaced(path) as file:
        file.write(LINES)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@only_on(IS_POSIX, "links and modes of POSIX")
def test_a_link_stays_and_the_file_is_for_its_owner(tmp_path: Path) -> None:
    link, target = tmp_path / "link", tmp_path / "folder" / "kvs.jsonl"
    target.parent.mkdir()
    target.write_bytes(b"before")
    target.chmod(0o644)
    link.symlink_to(target)
    assert is_same_file(link, target)
    with replaced(link) as file:
        file.write(LINES)
    assert link.is_symlink()
    assert target.read_bytes() == LINES
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_place_that_cannot_be_written_is_known_at_the_start(tmp_path: Path) -> None:
    for wrong, why in (
        (tmp_path / "none" / "kvs.jsonl", "no such file"),
        (tmp_path, "not a regular file"),
        (tmp_path / "kvs.jsonl.bz2", "name it .gz or .zst"),
    ):
        with pytest.raises(EmulatorError, match=why):
            require_writable(wrong)
    require_writable(tmp_path / "kvs.jsonl.zst")
    assert list(tmp_path.iterdir()) == []
