"""Files of settings on which a read could wait for ever are refused."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from kvsctl.config.file import read_config
from kvsctl.config.installations import read_installations
from kvsctl.config.limitsfile import holds_profile, read_limits, read_profile_limits
from kvsctl.config.targets import Target
from kvsctl.config.waiting import is_named_pipe
from kvsctl.errors import UsageError
from kvsctl.retention.file import RetentionFile
from tests.support.needs import IS_POSIX, only_on

pytestmark = only_on(IS_POSIX, "named pipes and devices")

_READERS: Final[dict[str, Callable[[Path], object]]] = {
    "configuration": lambda path: read_config({"KVSCTL_CONFIG": str(path)}),
    "limits": read_limits,
    "profile": read_profile_limits,
    "retention": RetentionFile,
    "installations": lambda path: read_installations(path, Target("t")),
}


@pytest.mark.parametrize("read", _READERS.values(), ids=_READERS.keys())
def test_a_named_pipe_and_a_device_are_refused(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(UsageError, match=f"cannot read {path}: it is not a regular file"):
            read(path)
    with pytest.raises(UsageError, match=r"(?i)is a directory"):
        read(tmp_path)


def test_a_named_pipe_holds_no_profile(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert not holds_profile(tmp_path / "pipe")


def test_a_descriptor_is_read() -> None:
    reading, writing = os.pipe()
    os.write(writing, b'default = "here"\n[targets.here]\nurl = "http://localhost:1"\n')
    os.close(writing)
    try:
        assert read_config({"KVSCTL_CONFIG": f"/dev/fd/{reading}"}).default == "here"
    finally:
        os.close(reading)


def test_the_null_device_is_an_empty_configuration() -> None:
    assert read_config({"KVSCTL_CONFIG": os.devnull}).sections == {}


def test_a_named_pipe_is_known_and_a_descriptor_is_not_taken_for_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    assert is_named_pipe(tmp_path / "pipe")
    for path in (tmp_path / "file", tmp_path / "none", tmp_path, Path("a\0b")):
        assert not is_named_pipe(path)
    reading, writing = os.pipe()
    try:
        assert not is_named_pipe(Path(f"/dev/fd/{reading}"))
    finally:
        os.close(reading)
        os.close(writing)
