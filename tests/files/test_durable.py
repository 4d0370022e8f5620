"""Waiting for the disk, and where there is nothing to wait for."""

import errno
import os
from pathlib import Path

import pytest

from kvsctl.files.durable import sync_file, sync_folder


def test_files_and_folders_can_be_waited_for(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        sync_file(file.fileno())
    sync_folder(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="folders cannot be waited for there")
@pytest.mark.parametrize(
    ("number", "is_let_pass"), [(errno.EINVAL, True), (errno.ENOTSUP, True), (errno.EIO, False)]
)
def test_a_file_system_that_cannot_sync_folders_is_let_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, *, is_let_pass: bool
) -> None:
    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    if is_let_pass:
        sync_folder(tmp_path)
        return
    with pytest.raises(OSError, match=os.strerror(number)):
        sync_folder(tmp_path)
