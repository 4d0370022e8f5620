"""Waiting for the disk, also on file systems that do not support it."""

import errno
import os
from pathlib import Path

import pytest

from kvsctl.files.durable import sync_file, sync_folder
from tests.support.needs import IS_POSIX, only_on


def test_files_and_folders_can_be_synced(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        sync_file(file.fileno())
    sync_folder(tmp_path)


@only_on(IS_POSIX, "folders cannot be synced there")
@pytest.mark.parametrize(
    ("number", "is_ignored"), [(errno.EINVAL, True), (errno.ENOTSUP, True), (errno.EIO, False)]
)
def test_only_errors_that_mean_unsupported_are_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, *, is_ignored: bool
) -> None:
    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    if is_ignored:
        sync_folder(tmp_path)
        return
    with pytest.raises(OSError, match=os.strerror(number)):
        sync_folder(tmp_path)
