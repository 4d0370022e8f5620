"""Wait until written data is on disk, not only in the cache of the system or of the disk."""

import errno
import os
import sys
from pathlib import Path
from typing import Final

_UNSUPPORTED: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.ENOTTY})

if sys.platform == "darwin":
    import fcntl

    def sync_file(fd: int) -> None:
        """Wait until the data of a file is on disk. Raise OSError.

        On macOS fsync leaves it in the disk's own cache, which a power loss empties.
        """
        try:
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            os.fsync(fd)

else:

    def sync_file(fd: int) -> None:
        """Wait until the data of a file is on disk. Raise OSError."""
        os.fsync(fd)


def sync_folder(folder: Path) -> None:
    """Wait until files created or renamed in a folder are on disk under their names.

    Do nothing where the system or the file system does not support this. Raise OSError for any
    other failure.
    """
    if os.name != "posix":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    finally:
        os.close(fd)
