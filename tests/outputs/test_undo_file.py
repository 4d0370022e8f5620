"""The undo file: lines that `set` can load, on disk before anything is deleted."""

import asyncio
import json
import os
import stat
from pathlib import Path

import pytest

from kvsctl.errors import StreamError, UsageError
from kvsctl.model import Found, Identity, Record
from kvsctl.outputs import undo_file as module
from kvsctl.outputs.undo_file import UndoFile, record_line
from tests.support.needs import IS_POSIX, only_on


def _record(key: str, entity: str | None = None) -> Record:
    return Record(0, "listing", 1, Identity(entity, key), b"")


def _kept(undo: UndoFile, *keys: str) -> None:
    async def keep() -> None:
        for key in keys:
            record = Record(ord(key), "listing", 1, Identity(None, key), b"")
            undo.keep(record, Found(b'{"n": 1.50}'))
        await undo.kept()

    asyncio.run(keep())


def test_a_line_is_the_record_with_its_exact_value() -> None:
    found = Found(b'{"n":1.50,"s":"\\u00e9"}', 1, 2, "2100-01-01T00:00:00Z")
    assert record_line(Identity("log", "k"), found) == (
        b'{"key":"k","entityName":"log","value":{"n":1.50,"s":"\\u00e9"},'
        b'"expireTime":"2100-01-01T00:00:00Z"}\n'
    )
    assert (
        record_line(Identity(None, "k"), Found(b'{\n"a": 1}')) == b'{"key":"k","value":{"a":1}}\n'
    )
    assert record_line(Identity("log", "k"), None) == b'{"key":"k","entityName":"log"}\n'


def test_what_is_kept_is_in_the_file_which_only_this_user_reads(tmp_path: Path) -> None:
    path = tmp_path / "undo.jsonl"
    undo = UndoFile(path)
    undo.open()
    _kept(undo, "a", "b")
    assert [json.loads(line)["key"] for line in path.read_bytes().splitlines()] == ["a", "b"]
    if IS_POSIX:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    _kept(undo, "c")
    undo.close()
    assert undo.count == 3
    assert path.read_bytes().count(b"\n") == 3


def test_a_record_that_is_read_again_has_a_line_more_only_if_it_has_changed(
    tmp_path: Path,
) -> None:
    undo = UndoFile(tmp_path / "undo.jsonl")
    undo.open()

    async def keep(*found: bytes) -> None:
        for one in found:
            undo.keep(_record("a"), Found(one))
            await undo.kept()

    asyncio.run(keep(b"1", b"1", b"2", b"2", b"1"))
    undo.close()
    lines = (tmp_path / "undo.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["value"] for line in lines] == [1, 2, 1]
    assert undo.count == 1
    assert undo.summary.startswith("saved 1 record as it was before the change to ")


def test_records_are_counted_once_however_many_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_LATEST", 2)
    undo = UndoFile(tmp_path / "undo.jsonl")
    undo.open()

    async def keep() -> None:
        for position in [0, 1, 2, 3, 0, 3]:
            undo.keep(Record(position, "l", 1, Identity(None, f"{position}"), b""), Found(b"1"))
        await undo.kept()

    asyncio.run(keep())
    undo.close()
    assert undo.count == 4
    assert (tmp_path / "undo.jsonl").read_bytes().count(b"\n") == 5


def test_an_earlier_file_that_was_replaced_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "undo.jsonl"
    for there in (b"notes\nwithout a line end", b"n", b"x\n"):
        path.write_bytes(there)
        undo = UndoFile(path, may_append=True)
        with pytest.raises(UsageError, match="was replaced by another file"):
            undo.open()
        assert not undo.close()
        assert path.read_bytes() == there


def test_a_torn_first_line_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "undo.jsonl"
    for torn in (b"", b'{"k', b'{"key":"a","va', bytes(100)):
        path.write_bytes(torn)
        undo = UndoFile(path, may_append=True)
        undo.open()
        _kept(undo, "b")
        undo.close()
        assert [json.loads(line)["key"] for line in path.read_bytes().splitlines()] == ["b"]


def test_it_is_synced_before_kept_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bytes] = []

    def sync(fd: int) -> None:
        synced.append(os.pread(fd, 1000, 0))

    monkeypatch.setattr(module, "sync_file", sync)
    undo = UndoFile(tmp_path / "undo.jsonl", has_values=False)
    undo.open()
    _kept(undo, "a")
    assert synced == [b'{"key":"a"}\n']
    undo.close()


def test_batches_that_wait_at_a_time_share_a_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(module, "sync_file", synced.append)
    undo = UndoFile(tmp_path / "undo.jsonl")
    undo.open()

    async def batch(number: int) -> None:
        record = Record(number, "listing", 1, Identity(None, f"k{number}"), b"")
        undo.keep(record, Found(b"1"))
        await undo.kept()

    async def batches() -> None:
        await asyncio.gather(*(batch(number) for number in range(20)))

    asyncio.run(batches())
    undo.close()
    assert undo.count == 20
    assert len(synced) < 20


def test_a_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "undo.jsonl"
    path.write_bytes(b"")
    undo = UndoFile(path)
    for step in (undo.require_new, undo.open):
        with pytest.raises(UsageError, match="exists already"):
            step()
    undo.close()
    assert path.exists()


@only_on(IS_POSIX, "symbolic links for everybody")
def test_a_link_to_nothing_is_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "undo.jsonl"
    path.symlink_to(tmp_path / "elsewhere")
    undo = UndoFile(path)
    with pytest.raises(UsageError, match="exists already"):
        undo.require_new()
    undo.close()


def test_a_folder_that_is_missing_is_refused_before_anything_is_listed(tmp_path: Path) -> None:
    undo = UndoFile(tmp_path / "missing" / "undo.jsonl")
    with pytest.raises(UsageError, match="No such file"):
        undo.require_new()
    undo.close()


def test_a_resumed_run_appends_after_the_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "undo.jsonl"
    path.write_bytes(b'{"key":"a"}\n{"key":"torn')
    undo = UndoFile(path, has_values=False, may_append=True)
    undo.require_new()
    undo.open()
    _kept(undo, "b")
    undo.close()
    assert path.read_bytes() == b'{"key":"a"}\n{"key":"b"}\n'


@pytest.mark.parametrize("size", [10, 70_000, 200_000])
def test_a_torn_line_of_any_length_is_cut_off(tmp_path: Path, size: int) -> None:
    path = tmp_path / "undo.jsonl"
    for whole in (b"", b'{"key":"a"}\n'):
        path.write_bytes(whole + b'{"key":"' + b"x" * size)
        undo = UndoFile(path, may_append=True)
        undo.open()
        assert path.read_bytes() == whole
        undo.close()


def test_an_empty_file_is_removed_and_one_of_an_earlier_run_stays(tmp_path: Path) -> None:
    path = tmp_path / "undo.jsonl"
    undo = UndoFile(path)
    undo.open()
    assert path.exists()
    undo.close()
    assert not path.exists()
    path.write_bytes(b'{"key":"a"}\n')
    undo = UndoFile(path, may_append=True)
    undo.open()
    undo.close()
    assert path.read_bytes() == b'{"key":"a"}\n'


@pytest.mark.parametrize("fails", ["write_all", "sync_file"])
def test_what_cannot_be_written_is_an_error_and_leaves_no_part_of_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    path = tmp_path / "undo.jsonl"
    undo = UndoFile(path)
    undo.open()
    _kept(undo, "a")

    def full(fd: int, *_: object) -> None:
        os.write(fd, b'{"ke')
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, fails, full)
    for _ in range(2):
        with pytest.raises(StreamError, match="No space left"):
            _kept(undo, "b")
    monkeypatch.undo()
    undo.close()
    assert [json.loads(line)["key"] for line in path.read_bytes().splitlines()] == ["a"]


@only_on(IS_POSIX, "an open file can be removed")
def test_a_file_that_is_removed_during_the_run_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "undo.jsonl"
    undo = UndoFile(path)
    undo.open()
    _kept(undo, "a")
    path.unlink()
    with pytest.raises(StreamError, match="removed or replaced"):
        _kept(undo, "b")
    undo.close()
