"""Where records go: standard output, or a file that appears once it is complete."""

import os
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from kvsctl.errors import ExitStatus, UsageError
from kvsctl.files.descriptors import descriptor
from kvsctl.files.durable import sync_folder
from kvsctl.files.raw import open_cut, open_private, sync, write_all

_WRITE_BYTES: Final = 256 * 1024


class ByteSink(Protocol):
    """Takes bytes in order. No method raises OSError: `broken` keeps the first one."""

    @property
    def broken(self) -> OSError | None:
        """Why writing ended early; what is written after that goes nowhere."""

    @property
    def pending_bytes(self) -> int:
        """How much was taken and not yet written. Who writes keeps this within bounds."""

    def write(self, chunk: bytes) -> None:
        """Takes bytes without waiting for whoever reads them."""

    def complete(self) -> None:
        """Waits until all is written, and makes it the whole output. Look at `broken` after."""

    def abandon(self) -> None:
        """Waits until all is written, and marks it as a part. Look at `broken` after."""


def status_of(broken: OSError) -> ExitStatus:
    """How a command ends whose output broke: its reader went away, or writing failed."""
    if isinstance(broken, BrokenPipeError):
        return ExitStatus.PIPE_CLOSED
    return ExitStatus.STREAM


def open_output(path: Path, moved: Callable[[], None] = lambda: None) -> ByteSink:
    """A sink for `--output`: a PartFile, or a writer to what is there already.

    Raises UsageError if it cannot be opened.
    """
    is_stream = path.exists() and not path.is_file() and not path.is_dir()
    if is_stream or descriptor(path) is not None:
        return DescriptorWriter(open_private(path), moved)
    return PartFile(path)


def part_path(path: Path) -> Path:
    """What an output is called until it is complete; beside the file that a link leads to."""
    return Path(os.path.realpath(path) + ".part")


class DescriptorWriter:
    """A ByteSink over a descriptor that may make its writer wait, such as standard output.

    A thread of its own writes, so `write` never blocks and a reader that went away is noticed.
    The thread does not keep the process from ending. It calls `moved` whenever bytes have been
    written or writing has broken.
    """

    def __init__(self, fd: int, moved: Callable[[], None] = lambda: None) -> None:
        self._fd = fd
        self._moved = moved
        self._chunks: deque[bytes] = deque()
        self._pending_bytes = 0
        self._broken: OSError | None = None
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._write_chunks, name="output", daemon=True)
        self._thread.start()

    @property
    def broken(self) -> OSError | None:
        """Why writing ended early."""
        return self._broken

    @property
    def pending_bytes(self) -> int:
        """How much was taken and not yet written; 0 once it is broken."""
        return self._pending_bytes

    def write(self, chunk: bytes) -> None:
        """Takes bytes; returns at once."""
        with self._changed:
            # Nothing to write would look to the thread like the end.
            if chunk and self._broken is None and not self._is_closed:
                self._chunks.append(chunk)
                self._pending_bytes += len(chunk)
                self._changed.notify()

    def complete(self) -> None:
        """Waits until all is written, or writing has failed. Leaves the descriptor open."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def abandon(self) -> None:
        """As `complete`: what is written to a stream cannot be marked."""
        self.complete()

    def _write_chunks(self) -> None:
        while chunk := self._next_chunk():
            try:
                write_all(self._fd, chunk)
            except OSError as error:
                self._break(error)
                return
            with self._changed:
                self._pending_bytes -= len(chunk)
            self._moved()

    def _next_chunk(self) -> bytes:
        with self._changed:
            while not self._chunks and not self._is_closed:
                self._changed.wait()
            taken: list[bytes] = []
            taken_bytes = 0
            while self._chunks and taken_bytes < _WRITE_BYTES:
                taken.append(self._chunks.popleft())
                taken_bytes += len(taken[-1])
        return b"".join(taken)

    def _break(self, error: OSError) -> None:
        with self._changed:
            self._broken = error
            self._chunks.clear()
            self._pending_bytes = 0
        self._moved()


class PartFile:
    """A ByteSink that is `PATH.part`, of mode 600, until it is complete and becomes `PATH`.

    A link at `PATH` stays one. With `kept_bytes` it goes on after so many bytes of an earlier
    run's part; if that run `may_be_complete`, also of the file that the part became. Raises
    UsageError if the file cannot be opened, or has fewer bytes.
    """

    def __init__(self, path: Path, *, kept_bytes: int = 0, may_be_complete: bool = False) -> None:
        self._path = Path(os.path.realpath(path))
        if self._path.is_dir():
            raise UsageError(f"cannot write to {path}: Is a directory")
        self.part_path = part_path(path)
        if may_be_complete and not self.part_path.exists() and self._path.is_file():
            self._path.replace(self.part_path)
        self._fd = (
            open_cut(self.part_path, kept_bytes) if kept_bytes else open_private(self.part_path)
        )
        self.length = kept_bytes
        self._is_open = True
        self._has_lasting_name = False
        self._broken: OSError | None = None

    @property
    def broken(self) -> OSError | None:
        """Why writing, or completing, failed; the part is left as it is."""
        return self._broken

    @property
    def pending_bytes(self) -> int:
        """Always 0: files are written at once."""
        return 0

    def write(self, chunk: bytes) -> None:
        """Writes the bytes, unless writing has failed before."""
        if self._broken is None:
            try:
                write_all(self._fd, chunk)
                self.length += len(chunk)
            except OSError as error:
                self._broken = error

    def sync(self) -> None:
        """Waits until what was written is on disk, under its name. Raises OSError."""
        if self._is_open:
            sync(self._fd)
            if not self._has_lasting_name:
                sync_folder(self.part_path.parent)
                self._has_lasting_name = True

    def complete(self) -> None:
        """Puts the file, safe on disk, in the place of its path; not if it is broken."""
        self._close()
        if self._broken is None:
            try:
                self.part_path.replace(self._path)
                sync_folder(self._path.parent)
            except OSError as error:
                self._broken = error

    def abandon(self) -> None:
        """Leaves what was written so far in `part_path`, safe on disk."""
        self._close()

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            for finish in (sync, os.close):  # some file systems fail no sooner than on closing
                try:
                    finish(self._fd)
                except OSError as error:
                    self._broken = self._broken or error
