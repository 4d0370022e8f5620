"""Open files and write to raw descriptors, without Python's buffers in between."""

import os
import select
import stat
from pathlib import Path
from typing import Final

from kvsctl.errors import UsageError
from kvsctl.files.claims import (
    claim,
    claim_emptied,
    claim_shared,
    is_trusted,
    narrow,
    resolved,
)
from kvsctl.files.descriptors import descriptor
from kvsctl.files.durable import sync_file, sync_folder

_BINARY: Final = getattr(os, "O_BINARY", 0)  # without it Windows writes LF as CRLF


def write_all(fd: int, chunk: bytes) -> None:
    """Write all bytes, even to a descriptor that another process made non-blocking.

    Raise OSError if the system refuses.
    """
    rest = memoryview(chunk)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:
            select.select([], [fd], [])


def open_emptied(path: Path, what: str) -> int:
    """Open a file for writing, empty it and keep other runs out; its mode is set by the umask.

    A stream is only opened: see `open_stream`. `what` names the file in messages (`the report`).
    Raise UsageError if it cannot be opened.
    """
    try:
        fd = open_stream(path)
        return claim_shared(resolved(path), what) if fd is None else fd
    except OSError as error:
        raise _unwritable(path, error) from error


def open_private(path: Path, what: str) -> int:
    """Do the same as `open_emptied` with a file of this user alone, of mode 600."""
    try:
        fd = open_stream(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    return open_own(resolved(path), what) if fd is None else fd


def open_own(path: Path, what: str) -> int:
    """Do the same as `open_private` with a path that is not a stream and whose links are resolved.

    If the path is a link nevertheless, it is refused.
    """
    try:
        return claim_emptied(path, what)
    except OSError as error:
        raise _unwritable(path, error) from error


def open_cut(path: Path, what: str, length: int) -> int:
    """Open a regular file for writing at its end, truncated to `length` bytes, with mode 600.

    Raise UsageError if it is shorter or cannot be opened, or if it is not this user's alone.
    """
    try:
        if not length:
            fd = claim_emptied(path, what)
            # A journal will refer to the file, so its name must survive a power loss too.
            sync_folder(path.absolute().parent)
            return fd
        try:
            fd = claim(path, what, may_create=False)
        except FileNotFoundError as error:
            raise _too_short(path, "is missing", length) from error
        try:
            found = os.fstat(fd).st_size
            if found < length:
                raise _too_short(path, f"has {found:,} bytes", length)
            narrow(path, fd)
            os.ftruncate(fd, length)
            os.lseek(fd, length, os.SEEK_SET)
        except BaseException:
            os.close(fd)
            raise
    except OSError as error:
        raise _unwritable(path, error) from error
    return fd


def _too_short(path: Path, state: str, length: int) -> UsageError:
    return UsageError(
        f"{path} {state}, but the journal recorded {length:,} bytes",
        "Restore the file as the run left it, or start again with a new journal.",
    )


def open_stream(path: Path) -> int | None:
    """Open a descriptor's path, a pipe or a device for writing; return None for any other path.

    A file behind a descriptor is not truncated. Raise UsageError for a pipe of another user, who
    would receive what is written, and OSError if the path cannot be opened.
    """
    if (given := descriptor(path)) is not None:
        return os.dup(given)
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
        return None
    if stat.S_ISFIFO(status.st_mode) and not is_trusted(path, status):
        raise UsageError(f"cannot write to {path}: a pipe of another user")
    return os.open(path, os.O_WRONLY | _BINARY)


def is_stream(path: Path) -> bool:
    """Return whether `open_stream` opens a path: a descriptor's, or that of a pipe or a device."""
    if descriptor(path) is not None:
        return True
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # opening it will report why it cannot be opened
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot write to {path}: {error.strerror}")


def is_regular(fd: int) -> bool:
    """Return whether a descriptor belongs to a regular file, not to a pipe, terminal or device."""
    return stat.S_ISREG(os.fstat(fd).st_mode)


def sync(fd: int) -> None:
    """Wait until written data is on disk. Do nothing unless it is a regular file."""
    if is_regular(fd):
        sync_file(fd)
