"""The undo file: records as they were read just before they were deleted or rewritten."""

import asyncio
import errno
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from kvsctl.bulk.outcomes.positions import SettledRanges
from kvsctl.errors import StreamError, UsageError
from kvsctl.files.claims import claim, interference, require_writable, resolved
from kvsctl.files.durable import sync_file, sync_folder
from kvsctl.files.raw import write_all
from kvsctl.jsontext import one_line, string
from kvsctl.model import Found, Identity, Record
from kvsctl.outputs.names import require_new

_WHAT = "the undo file"
_TAIL_BYTES = 64 * 1024
_MOST_LATEST = 10_000
"""How many records are remembered, to notice a record that is read again unchanged."""
_START = b'{"key":'
"""The start of every line."""


class UndoFile:
    """A Keeper that writes a line for each record, ready for `set`, to a file of mode 600.

    With `has_values` False, a line has only what identifies the record. The file is created by
    `open`, and never replaces another; with `may_append`, one of an earlier run is continued. A
    thread writes and syncs lines, those of several batches together. A record that is read again
    because its request is retried gets another line only if the store holds something else by then:
    `set` uses the last one. `count` is how many records this run has on disk.
    """

    def __init__(self, path: Path, *, has_values: bool = True, may_append: bool = False) -> None:
        self.path = path
        self._has_values = has_values
        self._may_append = may_append
        self._place = path
        self._fd: int | None = None
        self._length = 0
        self._executor = ThreadPoolExecutor(1, "undo")
        self._lines: list[bytes] = []
        self._latest: dict[int, int] = {}
        self._records = SettledRanges()
        self._taken = 0
        self._synced = 0
        self.count = 0
        self._writing: asyncio.Task[None] | None = None
        self._broken: StreamError | None = None

    @property
    def summary(self) -> str:
        """What was saved, and where, for people."""
        records = (
            "1 record as it was" if self.count == 1 else f"{self.count:,} records as they were"
        )
        return f"saved {records} before the change to {self.path}"

    def require_new(self) -> None:
        """Raise UsageError if the file cannot be created: if it is there already, for example."""
        require_writable(self.path)
        if not self._may_append:
            require_new(self.path, _WHAT)

    def open(self) -> None:
        """Create the file, or continue that of an earlier run. Raise UsageError."""
        self.require_new()
        try:
            self._place = resolved(self.path)
            self._fd = claim(self._place, _WHAT)
            self._length = _whole_lines(self._fd)
            self._require_own()
            os.ftruncate(self._fd, self._length)
            sync_folder(self._place.parent)
        except OSError as error:
            raise UsageError(f"cannot write to {self.path}: {error.strerror}") from error
        except UsageError:
            self._leave()  # another program's: it stays as it is, even without a whole line
            raise

    def _leave(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _require_own(self) -> None:
        """Raise UsageError if another program has written the content of the file."""
        assert self._fd is not None  # noqa: S101
        if os.fstat(self._fd).st_size and not self._may_append:
            raise UsageError(f"{_WHAT} {self.path} was created by another program")
        os.lseek(self._fd, 0, os.SEEK_SET)
        start = os.read(self._fd, len(_START))
        if not _START.startswith(start.rstrip(b"\0")):  # zeros are what a power cut may leave
            raise UsageError(
                f"{_WHAT} {self.path} was replaced by another file since the earlier run",
                "Move that file elsewhere. The run begins a new one then.",
            )

    def keep(self, record: Record, found: Found) -> None:
        """See Keeper."""
        line = record_line(record.identity, found if self._has_values else None)
        position, mark = record.position, hash(line)
        if self._latest.pop(position, None) != mark:
            self._lines.append(line)
            self._taken += 1
            self._records.add(position)
        self._latest[position] = mark
        if len(self._latest) > _MOST_LATEST:
            del self._latest[next(iter(self._latest))]

    async def kept(self) -> None:
        """See Keeper."""
        wanted = self._taken
        while self._synced < wanted:
            if self._broken is not None:
                raise self._broken
            if self._writing is None:
                text, self._lines = b"".join(self._lines), []
                work = self._write(text, self._taken, len(self._records))
                self._writing = asyncio.create_task(work)
            await asyncio.shield(self._writing)

    def close(self) -> bool:
        """Close the file, and remove it if nothing is in it. Return whether it was removed now."""
        self._executor.shutdown()
        if self._fd is None:
            return False
        is_removed = False
        if not self._length:
            with suppress(OSError):
                self._place.unlink()
                is_removed = True
        with suppress(OSError):
            os.close(self._fd)
        self._fd = None
        return is_removed

    async def _write(self, text: bytes, through: int, count: int) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._executor, self._put, text)
            self._synced, self.count = through, count
        except OSError as error:
            self._broken = StreamError(
                f"cannot write to {_WHAT} {self.path}: {error.strerror}",
                "Only records in that file may have changed.",
            )
        finally:
            self._writing = None

    def _put(self, text: bytes) -> None:
        """Append text and wait until it is on disk; append nothing if that fails."""
        assert self._fd is not None  # noqa: S101
        if (done := interference(self._place, self._fd, self._length)) is not None:
            raise OSError(errno.ESTALE, f"it was {done} during the run")
        try:
            write_all(self._fd, text)
            sync_file(self._fd)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._fd, self._length)
            raise
        self._length += len(text)


def record_line(identity: Identity, found: Found | None) -> bytes:
    """Return a record as a line that `set` can load; without `found`, a line with only its key."""
    entity = b"" if identity.entity is None else b',"entityName":' + string(identity.entity)
    if found is None:
        return b'{"key":%b%b}\n' % (string(identity.key), entity)
    expiry = b"" if found.expire_time is None else b',"expireTime":' + string(found.expire_time)
    value = one_line(found.value)
    return b'{"key":%b%b,"value":%b%b}\n' % (string(identity.key), entity, value, expiry)


def _whole_lines(fd: int) -> int:
    """Return the length of the whole lines of a file: a kill may have torn the last one."""
    end = os.fstat(fd).st_size
    while end:
        start = max(0, end - _TAIL_BYTES)
        os.lseek(fd, start, os.SEEK_SET)
        tail = os.read(fd, end - start)
        if b"\n" in tail:
            return start + tail.rindex(b"\n") + 1
        end = start
    return 0
