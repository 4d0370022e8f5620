"""Refuse files of settings on which a read could wait for ever."""

import errno
import os
import re
import stat
from pathlib import Path
from typing import Final

_DESCRIPTOR: Final = re.compile(r"/dev/(stdin|fd/\d+)|/proc/(self|\d+)/fd/\d+")


def require_ready(path: Path) -> None:
    """Raise OSError if a file is a named pipe or a device: reading it may never end.

    Descriptors, such as those of `<(command)`, and the null device may be read. A path that does
    not exist raises FileNotFoundError.
    """
    mode = path.stat().st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return  # opening a directory is an error of its own
    if _is_descriptor(path) or (stat.S_ISCHR(mode) and path.samefile(os.devnull)):
        return
    raise OSError(errno.EINVAL, "it is not a regular file")


def is_named_pipe(path: Path) -> bool:
    """Return whether a path is a named pipe, and not a descriptor such as that of `<(command)`.

    Opening it waits until another process writes to it.
    """
    try:
        return path.is_fifo() and not _is_descriptor(path)
    except (OSError, ValueError):  # reading it will report why it cannot be read
        return False


def _is_descriptor(path: Path) -> bool:
    return _DESCRIPTOR.fullmatch(os.path.normpath(path.absolute())) is not None
