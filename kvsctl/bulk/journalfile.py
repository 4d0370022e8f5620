"""The journal on disk: one writer, appended in groups, each synced before the next."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from kvsctl.bulk.filelock import try_lock
from kvsctl.bulk.journal import Group, Header, JournalState
from kvsctl.bulk.journaltext import Journal, decode, encode_group, encode_header
from kvsctl.errors import StreamError, UsageError

_PRIVATE: Final = 0o600  # lines that wait for the failures file hold values
_BINARY: Final = getattr(os, "O_BINARY", 0)


class JournalFile:
    """A journal that is open, locked and read; what is torn at its end is cut off.

    `header` is None until `begin`. What `begin` or `append` returned from is on disk. After an
    append that failed there is no other, so a torn group is always the last.

    Raises UsageError, on opening, if another process has it, or it cannot be used.
    """

    def __init__(
        self,
        path: Path,
        *,
        write: Callable[[int, bytes], int] = os.write,
        sync: Callable[[int], None] = os.fsync,
    ) -> None:
        self._path = path
        self._write = write
        self._sync = sync
        self._is_broken = False
        self._fd: int | None = _open(path)
        try:
            self._journal = self._read(self._fd)
        except BaseException:
            self.close()
            raise

    @property
    def header(self) -> Header | None:
        """What it belongs to."""
        return self._journal.header

    @property
    def state(self) -> JournalState:
        """What was in it when it was opened, and the groups that were `apply`d since."""
        return self._journal.state

    def begin(self, header: Header) -> None:
        """Writes the first line of a new journal. Raises StreamError."""
        line, checksum = encode_header(header)
        self._put(line)
        self._sync_folder()
        self._journal = self._journal._replace(header=header, checksum=checksum)

    def append(self, group: Group) -> None:
        """Writes a group; does nothing after a write that failed. Raises StreamError."""
        if self._is_broken:
            return
        line, checksum = encode_group(group, self._journal.checksum)
        self._put(line)
        self._journal = self._journal._replace(checksum=checksum)

    def close(self) -> None:
        """Lets go of the file, and of the lock."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, fd: int) -> Journal:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise UsageError(f"{self._path} is no regular file", "A journal has to be one.")
        if not try_lock(fd):
            raise UsageError(
                f"another run is working on the journal {self._path}",
                "Wait for it, or give each run a journal of its own.",
            )
        journal = read_journal(self._path)
        try:
            self._path.chmod(_PRIVATE)
            os.ftruncate(fd, journal.valid_bytes)
            os.lseek(fd, 0, os.SEEK_END)
        except OSError as error:
            raise self._broken(error) from error
        return journal

    def _put(self, line: bytes) -> None:
        assert self._fd is not None  # noqa: S101
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[self._write(self._fd, rest.tobytes()) :]
            self._sync(self._fd)
        except OSError as error:
            self._is_broken = True
            raise self._broken(error) from error

    def _sync_folder(self) -> None:
        if os.name == "posix":
            fd = os.open(self._path.absolute().parent, os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def _broken(self, error: OSError) -> StreamError:
        return StreamError(f"cannot write the journal {self._path}: {error.strerror}")


def read_journal(path: Path) -> Journal:
    """Reads a journal without locking it. Raises UsageError."""
    try:
        with path.open("rb") as lines:
            return decode(lines)
    except OSError as error:
        raise UsageError(f"cannot read the journal {path}: {error.strerror}") from error
    except UsageError as error:
        raise UsageError(f"{path}: {error.message}", error.hint) from None


def is_in_use(path: Path) -> bool:
    """Whether a run is working on it right now."""
    fd = os.open(path, os.O_RDWR | _BINARY)
    try:
        return not try_lock(fd)
    finally:
        os.close(fd)


def _open(path: Path) -> int:
    try:
        # Without O_NONBLOCK a pipe would wait for a reader before it could be refused.
        flags = os.O_RDWR | os.O_CREAT | _BINARY | getattr(os, "O_NONBLOCK", 0)
        return os.open(path, flags, _PRIVATE)
    except OSError as error:
        raise UsageError(f"cannot open the journal {path}: {error.strerror}") from error
