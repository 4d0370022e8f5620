"""Lock an open file until the process ends, however it ends."""

import sys

if sys.platform == "win32":
    import msvcrt
    import os

    _LOCK_OFFSET = 0x7FFF_FFFF  # past the end: on Windows, no other process can read a locked range

    def try_lock(fd: int) -> bool:
        """Lock the file for this process. Return False if another process holds the lock."""
        position = os.lseek(fd, 0, os.SEEK_CUR)
        os.lseek(fd, _LOCK_OFFSET, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(fd, position, os.SEEK_SET)
        return True

    def is_locked(fd: int) -> bool:
        """Return whether another process has locked the file."""
        return not try_lock(fd)

else:
    import fcntl

    def try_lock(fd: int) -> bool:
        """Lock the file for this process. Return False if another process holds the lock.

        Raise OSError if the file system does not support locks.
        """
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def is_locked(fd: int) -> bool:
        """Return whether another process has locked the file.

        Raise OSError if the file system does not support locks.
        """
        try:
            # A shared lock, so that two concurrent checks do not see each other as the holder.
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
