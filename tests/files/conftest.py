import os
from collections.abc import Iterator

import pytest

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
