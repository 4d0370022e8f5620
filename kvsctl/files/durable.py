"""What was written, safe on disk: not in the system's memory, nor in that of the disk."""

import errno
import os
import sys
from pathlib import Path
from typing import Final

_CANNOT: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.ENOTTY})

if sys.platform == "darwin":
    import fcntl

    def sync_file(fd: int) -> None:
        """Waits until a file's bytes are on disk. Raises OSError.

        There fsync leaves them in the disk's own memory, which a power cut empties.
        """
        try:
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
            os.fsync(fd)

else:

    def sync_file(fd: int) -> None:
        """Waits until a file's bytes are on disk. Raises OSError."""
        os.fsync(fd)


def sync_folder(folder: Path) -> None:
    """Waits until what was made or renamed in a folder is on disk. Raises OSError.

    Some systems and file systems offer no such thing; they are taken at their word.
    """
    if os.name != "posix":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
    finally:
        os.close(fd)
