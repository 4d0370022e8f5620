"""How many files a process may open, and paths of descriptors."""

import errno
from pathlib import Path

import pytest

from kvsctl.errors import UsageError
from kvsctl.files.descriptors import descriptor, spare_descriptors
from tests.support.needs import system_module

resource = system_module("resource")


def test_the_limit_is_that_of_the_process_without_what_it_needs_itself() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(500, before[1]), before[1]))
        assert spare_descriptors() == 468
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_path_that_may_not_be_looked_up_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_symlink", refuse)
    with pytest.raises(UsageError, match="cannot use /closed/file: Permission denied"):
        descriptor(Path("/closed/file"))
