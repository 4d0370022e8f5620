"""Open files and write to raw descriptors, without Python's buffers in between."""

import os
import select
import stat
from pathlib import Path
from typing import Final

from kvsctl.errors import UsageError
from kvsctl.files.descriptors import descriptor
from kvsctl.files.durable import sync_file, sync_folder

_PRIVATE: Final = 0o600
_BINARY: Final = getattr(os, "O_BINARY", 0)  # without it Windows writes LF as CRLF


def write_all(fd: int, chunk: bytes) -> None:
    """Write all bytes, also to a descriptor that another process made non-blocking.

    Raise OSError if the system refuses.
    """
    rest = memoryview(chunk)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:
            select.select([], [fd], [])


def open_emptied(path: Path) -> int:
    """Open a file for writing and truncate it. A path of a descriptor is not truncated.

    Raise UsageError if it cannot be opened.
    """
    try:
        if (fd := descriptor(path)) is not None:
            return os.dup(fd)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY, 0o666)
    except OSError as error:
        raise UsageError(f"cannot write to {path}: {error.strerror}") from error


def open_private(path: Path) -> int:
    """Open a file for writing, truncate it and set its mode to 600, also if it exists.

    A path of a descriptor is neither truncated nor changed in mode. A file that is not regular,
    such as a pipe, keeps its mode. Raise UsageError if it cannot be opened.
    """
    try:
        if (given := descriptor(path)) is not None:
            return os.dup(given)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY, _PRIVATE)
        if is_regular(fd):
            path.chmod(_PRIVATE)
    except OSError as error:
        raise UsageError(f"cannot write to {path}: {error.strerror}") from error
    return fd


def open_cut(path: Path, length: int) -> int:
    """Open a regular file for writing at its end, truncated to `length` bytes, with mode 600.

    Raise UsageError if it is shorter or cannot be opened.
    """
    try:
        creating = 0 if length else os.O_CREAT
        fd = os.open(path, os.O_WRONLY | creating | _BINARY, _PRIVATE)
        path.chmod(_PRIVATE)
        if creating:  # a journal will refer to the file, so its name must survive a power loss too
            sync_folder(path.absolute().parent)
        found = os.fstat(fd).st_size
        if found < length:
            os.close(fd)
            raise UsageError(
                f"{path} has {found:,} bytes, but the journal recorded {length:,}",
                "Restore the file as the run left it, or start again with a new journal.",
            )
        os.ftruncate(fd, length)
        os.lseek(fd, length, os.SEEK_SET)
    except OSError as error:
        raise UsageError(f"cannot write to {path}: {error.strerror}") from error
    return fd


def is_regular(fd: int) -> bool:
    """Return whether the descriptor is of a regular file, not of a pipe, terminal or device."""
    return stat.S_ISREG(os.fstat(fd).st_mode)


def sync(fd: int) -> None:
    """Wait until written data is on disk. Do nothing for a descriptor that is not of a file."""
    if is_regular(fd):
        sync_file(fd)
