"""Write output to a stream, or to a file that appears once it is complete."""

import errno
import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from kvsctl.errors import ExitStatus, UsageError
from kvsctl.files.claims import interference, lock_existing, require_unused, resolved
from kvsctl.files.durable import sync_folder
from kvsctl.files.early_sync import EarlySync
from kvsctl.files.raw import open_cut, open_own, open_stream, sync, write_all

_WRITE_BYTES: Final = 256 * 1024
_GATHERED_BYTES: Final = 64 * 1024
"""This many bytes are written at once, without waiting for more."""
_PIPE_SECONDS: Final = 0.005
_FILE_SECONDS: Final = 0.1
"""How long output waits for more, so that many small writes become one."""
_WHAT: Final = "the output"


class ByteSink(Protocol):
    """Takes bytes in order. No method raises OSError: `broken` holds the first one."""

    @property
    def broken(self) -> OSError | None:
        """The error that ended writing early, or None. Bytes written after it are dropped."""

    @property
    def pending_bytes(self) -> int:
        """How many bytes were taken but not yet written. The caller keeps this within bounds."""

    @property
    def lost_bytes(self) -> int:
        """How many of the last bytes may be missing from the output, once it is broken."""

    def write(self, chunk: bytes) -> None:
        """Take bytes, without waiting for their reader."""

    def complete(self) -> None:
        """Wait until all is written, and finish the output. Then check `broken`."""

    def abandon(self) -> None:
        """Wait until all is written, and leave it marked as partial. Then check `broken`."""


class MarkedSink(ByteSink, Protocol):
    """A sink that an interrupted run can truncate to a mark, to continue there."""

    def mark(self) -> int:
        """Return how many bytes the output has, once everything taken so far is written."""
        ...

    def sync(self) -> None:
        """Wait until everything written is on disk. Raise OSError."""
        ...


def status_of(broken: OSError) -> ExitStatus:
    """Return the exit status for an output error: a closed pipe, or a failed write."""
    if isinstance(broken, BrokenPipeError):
        return ExitStatus.PIPE_CLOSED
    return ExitStatus.STREAM


def open_output(path: Path, moved: Callable[[], None] = lambda: None) -> ByteSink:
    """Return a sink for `--output`: a PartFile; for a pipe, device or descriptor a writer to it.

    Raise UsageError if it cannot be opened. See DescriptorWriter for `moved`.
    """
    try:
        fd = open_stream(path)
    except OSError as error:
        raise UsageError(f"cannot write to {path}: {error.strerror}") from error
    if fd is not None:
        return DescriptorWriter(fd, moved)
    # Where there is no fdatasync, a sync would delay writes meanwhile (Windows) or flush the disk's
    # own cache each time (macOS).
    return PartFile(path, early_sync=getattr(os, "fdatasync", None))


def part_path(path: Path) -> Path:
    """Return the path of an output until it is complete: next to the file, links resolved."""
    return Path(os.path.realpath(path) + ".part")


class DescriptorWriter:
    """A ByteSink over a descriptor that may block its writer, such as standard output.

    A daemon thread writes, so that `write` never blocks and a closed pipe is noticed. It calls
    `moved` whenever bytes have been written or writing has failed. It waits a moment for more
    bytes, because waking up and writing is too expensive for each small chunk.
    """

    def __init__(self, fd: int, moved: Callable[[], None] = lambda: None) -> None:
        self._fd = fd
        self._moved = moved
        self._chunks: deque[bytes] = deque()
        self._waiting_bytes = 0  # of `_chunks`, without those that are being written
        self._pending_bytes = 0
        self.lost_bytes = 0
        """See ByteSink."""
        self._broken: OSError | None = None
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._write_chunks, name="output", daemon=True)
        self._thread.start()

    @property
    def broken(self) -> OSError | None:
        """The error that ended writing early, or None."""
        return self._broken

    @property
    def pending_bytes(self) -> int:
        """How many bytes were taken but not yet written; 0 after an error."""
        return self._pending_bytes

    def write(self, chunk: bytes) -> None:
        """Take bytes and return at once."""
        with self._changed:
            # An empty chunk would end the thread.
            if chunk and self._broken is None and not self._is_closed:
                self._chunks.append(chunk)
                self._waiting_bytes += len(chunk)
                self._pending_bytes += len(chunk)
                if len(self._chunks) == 1 or self._waiting_bytes >= _GATHERED_BYTES:
                    self._changed.notify()
            else:
                self.lost_bytes += len(chunk)

    def complete(self) -> None:
        """Wait until all is written or writing has failed. Leave the descriptor open."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def abandon(self) -> None:
        """Do the same as `complete`: a stream cannot be marked as partial."""
        self.complete()

    def _write_chunks(self) -> None:
        try:
            while chunk := self._next_chunk():
                write_all(self._fd, chunk)
                with self._changed:
                    self._pending_bytes -= len(chunk)
                self._moved()
        except OSError as error:
            self._break(error)
        except MemoryError:  # silently lost output would count as written
            self._break(OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)))

    def _next_chunk(self) -> bytes:
        with self._changed:
            while not self._chunks and not self._is_closed:
                self._changed.wait()
            if self._waiting_bytes < _GATHERED_BYTES and not self._is_closed:
                self._changed.wait(_PIPE_SECONDS)
            taken: list[bytes] = []
            taken_bytes = 0
            while self._chunks and taken_bytes < _WRITE_BYTES:
                taken.append(self._chunks.popleft())
                taken_bytes += len(taken[-1])
            self._waiting_bytes -= taken_bytes
        return b"".join(taken)

    def _break(self, error: OSError) -> None:
        with self._changed:
            self._broken = error
            self._chunks.clear()
            self.lost_bytes += self._pending_bytes
            self._waiting_bytes = self._pending_bytes = 0
        self._moved()


class PartFile:
    """A ByteSink that is `PATH.part`, of mode 600, until it is complete and becomes `PATH`.

    A link at `PATH` is kept, and its target replaced. Both names are locked until then. With
    `kept_bytes` an earlier run is resumed: its part is truncated to that many bytes and continued.
    If that run `may_be_complete`, `PATH` is renamed back to the part if there is none. Raise
    UsageError if the file cannot be opened, is in use by another run, is not this user's alone or
    has fewer bytes.

    Chunks that arrive in quick succession are collected. They are written at the latest with the
    first chunk that arrives later, by `mark` or at the end.

    With `early_sync`, a function that syncs a descriptor, data is synced while more is written: see
    `EarlySync`. Do not combine it with `sync`, because an error is reported to only one of the two.
    """

    def __init__(
        self,
        path: Path,
        *,
        kept_bytes: int = 0,
        may_be_complete: bool = False,
        early_sync: Callable[[int], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._path = resolved(path)
        if self._path.is_dir():
            raise UsageError(f"cannot write to {path}: Is a directory")
        self.part_path = part_path(path)
        require_unused(self._path, _WHAT)
        if may_be_complete and not self.part_path.exists() and self._path.is_file():
            self._path.replace(self.part_path)
        self._fd = (
            open_cut(self.part_path, _WHAT, kept_bytes)
            if kept_bytes
            else open_own(self.part_path, _WHAT)
        )
        try:
            self._replaced_fd = lock_existing(self._path, _WHAT)
        except UsageError:
            os.close(self._fd)
            raise
        self._early = None if early_sync is None else EarlySync(self._fd, early_sync)
        self._length = kept_bytes
        self._chunks: list[bytes] = []
        self.pending_bytes = 0
        """How many bytes wait to be written together with others."""
        self._taken_bytes = 0
        self.lost_bytes = 0
        """See ByteSink. After a failed sync, it is not known what is on disk."""
        self._written_at = -math.inf
        self._is_open = True
        self._has_lasting_name = False
        self.broken: OSError | None = None
        """The error that made writing or completing fail, or None. The part is left as it is."""

    def write(self, chunk: bytes) -> None:
        """Write a chunk whole or not at all. Do nothing if writing has failed before.

        So the part ends with a whole line if every chunk does.
        """
        self._taken_bytes += len(chunk)
        if self.broken is not None:
            self.lost_bytes = min(self.lost_bytes + len(chunk), self._taken_bytes)
        else:
            self._chunks.append(chunk)
            self.pending_bytes += len(chunk)
            is_due = self._clock() >= self._written_at + _FILE_SECONDS
            if is_due or self.pending_bytes >= _GATHERED_BYTES:
                self._write_chunks()

    def mark(self) -> int:
        """See MarkedSink."""
        self._write_chunks()
        return self._length

    def _write_chunks(self) -> None:
        chunks, self._chunks, self.pending_bytes = self._chunks, [], 0
        if not chunks or self.broken is not None:
            return
        before = self._length
        self.broken = self._append(b"".join(chunks))
        if self.broken is not None and len(chunks) > 1:
            # For example, the disk is full: the chunks that fit are written.
            self.broken = next(filter(None, map(self._append, chunks)), None)
        self._written_at = self._clock()
        self.lost_bytes += sum(map(len, chunks)) - (self._length - before)
        if self._early is not None:
            self._early.note(self._length - before)
            self._note_unsynced(self._early.error)

    def _note_unsynced(self, error: OSError | None) -> None:
        if error is not None:
            self.broken = self.broken or error
            self.lost_bytes = self._taken_bytes

    def _append(self, chunk: bytes) -> OSError | None:
        """Write the whole chunk, or nothing if there is an error. Return the error."""
        try:
            write_all(self._fd, chunk)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._fd, self._length)
            return error
        self._length += len(chunk)
        return None

    def sync(self) -> None:
        """Wait until written data and the name of the part are on disk. Raise OSError."""
        if self._is_open:
            self._require_untouched()
            sync(self._fd)
            if not self._has_lasting_name:
                sync_folder(self.part_path.parent)
                self._has_lasting_name = True

    def complete(self) -> None:
        """Sync the part to disk and rename it to its path, unless writing has failed."""
        self._close(self._rename)

    def abandon(self) -> None:
        """Leave what was written so far in `part_path`, synced to disk."""
        self._close(lambda: None)

    def _require_untouched(self) -> None:
        if (done := interference(self.part_path, self._fd, self._length)) is not None:
            raise OSError(errno.ESTALE, f"{self.part_path.name} was {done} during the run")

    def _rename(self) -> None:
        self.part_path.replace(self._path)
        sync_folder(self._path.parent)

    def _close(self, finish: Callable[[], None]) -> None:
        """Sync and close the part, and `finish` if that worked. Then release the locks."""
        if not self._is_open:
            return
        self._is_open = False
        held = [self._replaced_fd] if self._replaced_fd is not None else []
        try:
            self._write_chunks()
            if self._early is not None:
                self._early.wait()
                self._note_unsynced(self._early.error)
            self._require_untouched()
            sync(self._fd)
            if sys.platform != "win32":  # where an open file cannot be renamed
                held.append(os.dup(self._fd))  # keeps the lock when the part is closed
        except OSError as error:
            self._note_unsynced(error)
        except BaseException:
            _close_all([self._fd, *held])
            raise
        try:
            os.close(self._fd)  # some file systems report errors only here
            if self.broken is None:
                finish()
        except OSError as error:
            self.broken = self.broken or error
        _close_all(held)


def _close_all(fds: list[int]) -> None:
    for fd in fds:
        with suppress(OSError):
            os.close(fd)
