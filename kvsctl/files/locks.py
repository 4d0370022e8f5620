"""A lock on an open file that ends with the process, however it ends."""

import sys

if sys.platform == "win32":
    import msvcrt
    import os

    _FAR = 0x7FFF_FFFF  # Windows keeps others from reading what is locked: lock past the end

    def try_lock(fd: int) -> bool:
        """Locks the file for this process; False if another one has it."""
        place = os.lseek(fd, 0, os.SEEK_CUR)
        os.lseek(fd, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(fd, place, os.SEEK_SET)
        return True

    def is_locked(fd: int) -> bool:
        """Whether another process has locked the file."""
        return not try_lock(fd)

else:
    import fcntl

    def try_lock(fd: int) -> bool:
        """Locks the file for this process; False if another one has it.

        Raises OSError where locks do not work.
        """
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def is_locked(fd: int) -> bool:
        """Whether another process has locked the file. Raises OSError where locks do not work."""
        try:
            # Shared: two that ask at once do not take each other for the one that has it.
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
