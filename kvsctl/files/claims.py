"""Claim the regular files that a run writes: each is locked, and is this user's alone.

A claimed file was created by this run, or already existed as a regular file of this user. No link
is followed, so that no other user who can write to the folder can redirect what is written. Another
run that claims the same file is refused until the first one has closed it.
"""

import errno
import os
import stat
import sys
from pathlib import Path
from typing import Final

from kvsctl.errors import UsageError
from kvsctl.files.descriptors import descriptor
from kvsctl.files.locks import is_locked, try_lock

_PRIVATE: Final = 0o600
_BY_UMASK: Final = 0o666
_FLAGS: Final = (
    os.O_RDWR
    | os.O_APPEND  # a file truncated by another program gets no hole, and stays shorter
    | getattr(os, "O_BINARY", 0)  # without it Windows writes LF as CRLF
    | getattr(os, "O_NOFOLLOW", 0)
)
# Without O_NONBLOCK, opening a pipe would wait for its other end instead of refusing it.
_EXISTING: Final = getattr(os, "O_NONBLOCK", 0)
_MOST_ATTEMPTS: Final = 10
_MOST_LINKS: Final = 40
"""How many links the system follows before it reports a loop."""
_REMOVE_IT: Final = "Remove it, or give another file name."


class InUse(UsageError):
    """Another run uses the file."""


def claim(path: Path, what: str, *, may_create: bool = True, needs_lock: bool = False) -> int:
    """Open a file for reading and writing; leave its content and its mode as they are.

    A new file has mode 600. `path` has no links left to resolve, and `what` names the file in
    messages (`the journal`). Raise UsageError if the file is not a regular file of this user with
    one name, if another run uses it, or, with `needs_lock`, if its file system has no locks. Raise
    OSError if it cannot be opened.
    """
    fd, _ = _open(path, _PRIVATE if may_create else None)
    try:
        _require_own(path, fd)
        _require_one_name(path, fd)
        _lock(path, what, fd, needs_lock=needs_lock)
    except BaseException:
        os.close(fd)
        raise
    return fd


def claim_emptied(path: Path, what: str) -> int:
    """Do the same as `claim`, then empty the file and set its mode to 600.

    A file with a wider mode or a second name is replaced by a new one: others may have it open,
    and would read what is written.
    """
    for _ in range(_MOST_ATTEMPTS):
        fd, is_new = _open(path, _PRIVATE)
        try:
            _require_own(path, fd)
            _lock(path, what, fd)
            if is_new or not (_is_exposed(fd) and _has_removed(path)):
                _require_one_name(path, fd)
                narrow(path, fd)
                os.ftruncate(fd, 0)
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
    raise _in_use(path, what)


def claim_shared(path: Path, what: str) -> int:
    """Open and empty a file whose mode is set by the umask. It may belong to any user.

    Raise UsageError if it is not a regular file or if another run uses it, OSError if it cannot be
    opened.
    """
    fd, _ = _open(path, _BY_UMASK)
    try:
        _lock(path, what, fd)
        os.ftruncate(fd, 0)
    except BaseException:
        os.close(fd)
        raise
    return fd


def lock_existing(path: Path, what: str) -> int | None:
    """Lock a file that will be replaced, if it exists. Return the descriptor to close, or None.

    Raise UsageError if another run uses it.
    """
    if sys.platform == "win32":
        return None  # an open file cannot be replaced there
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        fd = os.open(path, flags)
    except OSError:
        return None
    try:
        _lock(path, what, fd)
    except BaseException:
        os.close(fd)
        raise
    return fd


def require_writable(path: Path) -> None:
    """Raise UsageError if a file could not be written to `path`. Change nothing."""
    if path.is_dir():
        raise UsageError(f"cannot write to {path}: Is a directory")
    if not path.parent.is_dir():
        raise UsageError(
            f"cannot write to {path}: No such file or directory",
            f"The folder {path.parent} must exist.",
        )
    checked = path if path.exists() else path.parent
    if not os.access(checked, os.W_OK):
        reason = errno.EROFS if _is_read_only(checked) else errno.EACCES
        raise UsageError(f"cannot write to {path}: {os.strerror(reason)}")


def require_unused(path: Path, what: str) -> None:
    """Raise UsageError if another run uses the file. Change nothing.

    A file that cannot be examined is accepted: claiming it will say what is wrong.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | _EXISTING
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return
        fd = os.open(path, flags)
        try:
            is_used = is_locked(fd)
        finally:
            os.close(fd)
    except OSError:
        return
    if is_used:
        raise _in_use(path, what)


def require_claimable(path: Path, what: str) -> None:
    """Raise UsageError if `claim_emptied` would refuse what is at the path. Change nothing.

    `path` has no links left to resolve. A missing file is accepted.
    """
    try:
        fd, _ = _open(path, None)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"cannot write to {path}: {error.strerror}") from error
    try:
        _require_own(path, fd)
        _lock(path, what, fd)
    finally:
        os.close(fd)


def resolved(path: Path) -> Path:
    """Return the path with its links resolved; a path of a descriptor unchanged.

    Raise UsageError if its last part is a link of another user, who could redirect what is written.
    """
    if descriptor(path) is not None:
        return path
    current = path.absolute()
    for _ in range(_MOST_LINKS):
        if not current.is_symlink():
            break
        if not is_trusted(current, current.lstat()):
            raise UsageError(f"cannot write to {path}: a symbolic link of another user", _REMOVE_IT)
        current = current.parent / current.readlink()
    return Path(os.path.realpath(path))


def leads_to(path: Path, fd: int) -> bool:
    """Return whether the open file is still the one at `path`, links followed."""
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except OSError:
        return False


def interference(path: Path, fd: int, length: int) -> str | None:
    """Return what another program did to a claimed file of `length` bytes; None if nothing.

    The file may be longer: another thread may be writing it.
    """
    if not leads_to(path, fd):
        return "removed or replaced"
    return "truncated by another program" if os.fstat(fd).st_size < length else None


def is_trusted(path: Path, status: os.stat_result) -> bool:
    """Return whether a link or pipe was made by this user or by the system's administrator."""
    return status.st_uid == 0 or _is_of_this_user(path, status)


def _is_of_this_user(path: Path, status: os.stat_result) -> bool:
    """Return whether a file belongs to this user, as far as its file system can tell.

    Some network file systems give every file one owner. There a new file has that owner too.
    """
    if sys.platform == "win32" or status.st_uid == os.geteuid():
        return True
    import tempfile  # not at the top: every job imports this module, and few get here

    try:
        with tempfile.TemporaryFile(dir=path.parent) as new:
            return os.fstat(new.fileno()).st_uid == status.st_uid
    except OSError:
        return False


def _is_read_only(path: Path) -> bool:
    """Return whether a path is on a file system that is mounted read-only, where that is known."""
    if not hasattr(os, "statvfs"):
        return False
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _open(path: Path, new_mode: int | None) -> tuple[int, bool]:
    """Open the file, or create it with `new_mode`. Return its descriptor, and whether it is new.

    Raise UsageError if it is not regular.
    """
    for _ in range(_MOST_ATTEMPTS):
        if new_mode is not None:
            try:
                return os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, new_mode), True
            except FileExistsError:
                pass
        try:
            _require_regular(path, path.lstat())
            fd = os.open(path, _FLAGS | _EXISTING)
        except FileNotFoundError:
            if new_mode is None:
                raise
            continue  # removed meanwhile
        try:
            _require_regular(path, os.fstat(fd))
        except BaseException:
            os.close(fd)
            raise
        return fd, False
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def _require_regular(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISREG(status.st_mode):
        return
    if stat.S_ISLNK(status.st_mode):
        raise UsageError(f"cannot write to {path}: a symbolic link", _REMOVE_IT)
    raise UsageError(f"cannot write to {path}: not a regular file", "Give another file name.")


def _require_own(path: Path, fd: int) -> None:
    if not _is_of_this_user(path, os.fstat(fd)):
        raise UsageError(f"cannot write to {path}: it belongs to another user", _REMOVE_IT)


def _require_one_name(path: Path, fd: int) -> None:
    if os.fstat(fd).st_nlink > 1:
        raise UsageError(
            f"cannot write to {path}: it has a second name (a hard link)",
            "Copy it, and replace it by the copy.",
        )


def _is_exposed(fd: int) -> bool:
    """Return whether others may have the file open, because of its mode or a second name."""
    if sys.platform == "win32":
        return False
    status = os.fstat(fd)
    return status.st_nlink > 1 or bool(status.st_mode & 0o077)


def _has_removed(path: Path) -> bool:
    """Remove the file; return False if its folder does not allow that."""
    try:
        path.unlink()
    except OSError:
        return False
    return True


def narrow(path: Path, fd: int) -> None:
    """Set the mode of the open file at `path` to 600. Raise OSError."""
    if sys.platform == "win32":
        path.chmod(_PRIVATE)
    elif stat.S_IMODE(os.fstat(fd).st_mode) != _PRIVATE:
        os.fchmod(fd, _PRIVATE)


def _lock(path: Path, what: str, fd: int, *, needs_lock: bool = False) -> None:
    try:
        is_mine = try_lock(fd)
    except OSError as error:
        if not needs_lock:
            return  # a file system without locks: output must be possible there too
        raise UsageError(
            f"cannot lock {what} {path}: {error.strerror}",
            "Put it on a file system that supports locks.",
        ) from error
    # The process that had the lock may have replaced the file before it released the lock.
    if not (is_mine and leads_to(path, fd)):
        raise _in_use(path, what)


def _in_use(path: Path, what: str) -> InUse:
    return InUse(
        f"{what} {path} is in use by another run",
        f"Wait for that run, or give {what} of each run a name of its own.",
    )
