"""The journal on disk. Its only writer syncs each group before it appends the next."""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from kvsctl.errors import StreamError, UsageError
from kvsctl.files.claims import claim, interference, narrow, resolved
from kvsctl.files.durable import sync_file, sync_folder
from kvsctl.files.locks import is_locked
from kvsctl.journal.state import Group, Header, JournalState
from kvsctl.journal.text import Journal, decode, encode_group, encode_header

_BINARY: Final = getattr(os, "O_BINARY", 0)


class JournalFile:
    """A journal that is open, locked and read. A torn group at its end is truncated.

    `header` is None until `begin`. Everything that was read is on disk, and so is what `begin` or
    `append` has written once it returns. A group that could not be synced is truncated, if that is
    possible, and no group is written after it, so a torn group is always the last. Nothing is
    written to a file that is no longer at its path, because no run would resume from it.

    It has mode 600, because lines that wait for the failures file hold values. Raise UsageError, on
    opening, if another process has locked the journal or it cannot be used.
    """

    def __init__(
        self,
        path: Path,
        *,
        write: Callable[[int, bytes], int] = os.write,
        sync: Callable[[int], None] = sync_file,
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
        self.records_before = 0
        """How many records the complete job had that a new one has replaced."""

    @property
    def header(self) -> Header | None:
        """The job that the journal belongs to."""
        return self._journal.header

    @property
    def state(self) -> JournalState:
        """The content when the journal was opened, with the groups that were applied since."""
        return self._journal.state

    def begin(self, header: Header) -> None:
        """Write the first line of a new journal. Raise StreamError."""
        line, checksum = encode_header(header)
        self._put(line)
        try:
            sync_folder(self._path.absolute().parent)
        except OSError as error:
            raise self._broken(error) from error
        self._journal = self._journal._replace(header=header, checksum=checksum)

    def start_over(self, header: Header) -> None:
        """Empty the journal, and write the first line of a new one. Raise StreamError."""
        assert self._fd is not None  # noqa: S101
        try:
            os.ftruncate(self._fd, 0)
            os.lseek(self._fd, 0, os.SEEK_SET)
        except OSError as error:
            raise self._broken(error) from error
        self.records_before = self.state.totals.counts.get("records", 0)
        self._journal = Journal(None, JournalState(failures_path=header.failures_path), 0, 0)
        self.begin(header)

    def append(self, group: Group) -> None:
        """Write a group; do nothing if an earlier write failed. Raise StreamError."""
        if self._is_broken:
            return
        assert self._fd is not None  # noqa: S101
        length = os.lseek(self._fd, 0, os.SEEK_CUR)
        if (done := interference(self._path, self._fd, length)) is not None:
            self._is_broken = True
            raise StreamError(
                f"the journal {self._path} was {done} during the run",
                "What settled after that is not in any journal.",
            )
        line, checksum = encode_group(group, self._journal.checksum)
        self._put(line)
        self._journal = self._journal._replace(checksum=checksum)

    def close(self) -> None:
        """Close the file and release the lock."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, fd: int) -> Journal:
        with open(fd, "rb", closefd=False) as lines:
            journal = _decoded(self._path, lines)
        try:
            narrow(self._path, fd)
            os.ftruncate(fd, journal.valid_bytes)
            os.lseek(fd, 0, os.SEEK_END)
            self._sync(fd)  # the run that wrote the last group may have died before its sync
        except OSError as error:
            raise self._broken(error) from error
        return journal

    def _put(self, line: bytes) -> None:
        assert self._fd is not None  # noqa: S101
        before_bytes = os.lseek(self._fd, 0, os.SEEK_CUR)
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[self._write(self._fd, rest.tobytes()) :]
            self._sync(self._fd)
        except OSError as error:
            self._is_broken = True
            # After a failed sync, a later one may succeed although the data was lost.
            with suppress(OSError):
                os.ftruncate(self._fd, before_bytes)
            raise self._broken(error) from error

    def _broken(self, error: OSError) -> StreamError:
        return StreamError(f"cannot write the journal {self._path}: {error.strerror}")


def read_journal(path: Path) -> Journal:
    """Read a journal without locking it. Raise UsageError."""
    try:
        with path.open("rb") as lines:
            return _decoded(path, lines)
    except OSError as error:
        raise UsageError(f"cannot read the journal {path}: {error.strerror}") from error


def is_in_use(path: Path) -> bool:
    """Return whether a run is using the journal now. Raise UsageError if that is unknown."""
    try:
        fd = os.open(path, os.O_RDONLY | _BINARY)
        try:
            return is_locked(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise UsageError(f"cannot read the journal {path}: {error.strerror}") from error


def _decoded(path: Path, lines: Iterable[bytes]) -> Journal:
    try:
        return decode(lines)
    except UsageError as error:
        raise UsageError(f"{path}: {error.message}", error.hint) from None


def _open(path: Path) -> int:
    try:
        return claim(resolved(path), "the journal", needs_lock=True)
    except OSError as error:
        raise UsageError(f"cannot open the journal {path}: {error.strerror}") from error
