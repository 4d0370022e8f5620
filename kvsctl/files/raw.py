"""Files and pipes by their raw descriptors, so that no buffer of Python's stands in between."""

import os
import select
import stat
from pathlib import Path
from typing import Final

from kvsctl.errors import UsageError
from kvsctl.files.descriptors import descriptor
from kvsctl.files.durable import sync_file, sync_folder

_PRIVATE: Final = 0o600
_BINARY: Final = getattr(os, "O_BINARY", 0)  # Windows would turn line feeds into two characters


def write_all(fd: int, chunk: bytes) -> None:
    """Writes every byte, also to a descriptor that someone else made non-blocking.

    Raises OSError as the system gives it.
    """
    rest = memoryview(chunk)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:
            select.select([], [fd], [])


def open_emptied(path: Path) -> int:
    """Opens a file for writing, emptied; what a path of a descriptor stands for, as it is.

    Raises UsageError if it cannot be opened.
    """
    try:
        if (fd := descriptor(path)) is not None:
            return os.dup(fd)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY, 0o666)
    except OSError as error:
        raise UsageError(f"cannot write to {path}: {error.strerror}") from error


def open_private(path: Path) -> int:
    """Opens a file for writing, emptied, of mode 600 whether it is new or not.

    What is no regular file, such as a pipe, or is open already, keeps its mode. Raises UsageError
    if it cannot be opened.
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
    """Opens a regular file of mode 600 for writing at its end, cut back to `length` bytes.

    Raises UsageError if it is shorter, or cannot be opened.
    """
    try:
        creating = 0 if length else os.O_CREAT
        fd = os.open(path, os.O_WRONLY | creating | _BINARY, _PRIVATE)
        path.chmod(_PRIVATE)
        if creating:  # a journal will mark the file, so its name has to outlast a power cut too
            sync_folder(path.absolute().parent)
        found = os.fstat(fd).st_size
        if found < length:
            os.close(fd)
            raise UsageError(
                f"{path} has {found:,} bytes, the journal knows of {length:,}",
                "Put it back as the run left it, or begin again with another journal.",
            )
        os.ftruncate(fd, length)
        os.lseek(fd, length, os.SEEK_SET)
    except OSError as error:
        raise UsageError(f"cannot write to {path}: {error.strerror}") from error
    return fd


def is_regular(fd: int) -> bool:
    """Whether the descriptor is of a file on disk: no pipe, terminal or device."""
    return stat.S_ISREG(os.fstat(fd).st_mode)


def sync(fd: int) -> None:
    """Waits until what was written is on disk; does nothing where there is no disk behind it."""
    if is_regular(fd):
        sync_file(fd)
