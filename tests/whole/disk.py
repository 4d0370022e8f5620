"""The disk of a process that is killed: from some moment on nothing reaches it any more."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

_CHANGING = os.O_WRONLY | os.O_RDWR | os.O_TRUNC


class Killed(BaseException):
    """The process is gone. What it still does has no effect."""


@dataclass(frozen=True)
class Trouble:
    """What one run meets on its disk.

    `kill_at`: the process is gone at that change of a file, after this `share` of the bytes of a
    write. `full`: the file of this name takes no more than `room_bytes` in this run, then
    writing, or with `in_sync` syncing, fails with `code`.
    """

    kill_at: int | None = None
    share: float = 0.0
    full: str | None = None
    room_bytes: int = 0
    in_sync: bool = False
    code: int = errno.ENOSPC


class Disk:
    """The files below `folder`, as the functions of `os` change them.

    `changes` counts writes, syncs, cuts, renames and removals of the run. `has_failed`: an error
    was given to the process.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._paths: dict[int, Path] = {}
        self._readers: dict[int, os.stat_result] = {}
        self._synced_bytes: dict[Path, int] = {}
        self._trouble = Trouble()
        self._room_bytes = 0
        self.changes = 0
        self.is_dead = False
        self.has_failed = False

    @contextmanager
    def meeting(self, trouble: Trouble) -> Iterator[None]:
        """One process's life: its changes count, and what it leaves open is closed."""
        self._trouble, self._room_bytes = trouble, trouble.room_bytes
        self.changes, self.is_dead, self.has_failed = 0, False, False
        names = (
            "open",
            "write",
            "fsync",
            "ftruncate",
            "replace",
            "unlink",
            "close",
            "fdopen",
            "dup",
        )
        real = {name: getattr(os, name) for name in names}
        self._real = real
        try:
            with patch.multiple(os, **{name: getattr(self, f"_{name}") for name in names}):
                yield
        finally:
            for fd in self._paths:
                real["close"](fd)
            self._paths.clear()
            self._close_readers()

    def _close_readers(self) -> None:
        """Close what a process that was killed had open for reading, which may hold a lock."""
        for fd, status in self._readers.items():
            with suppress(OSError):
                if os.path.samestat(os.fstat(fd), status):
                    self._real["close"](fd)
        self._readers.clear()

    def lose_power(self, random: Random) -> None:
        """Of what no sync has confirmed, files lose any part at their ends."""
        for path, synced_bytes in self._synced_bytes.items():
            if path.exists() and path.stat().st_size > synced_bytes:
                os.truncate(path, random.randint(synced_bytes, path.stat().st_size))

    def _change(self) -> bool:
        """Counts a change; whether the process is gone in its midst."""
        if self.is_dead:
            raise Killed
        self.changes += 1
        if self.changes == self._trouble.kill_at:
            self.is_dead = True
        return self.is_dead

    def _fail(self) -> None:
        self.has_failed = True
        raise OSError(self._trouble.code, os.strerror(self._trouble.code))

    def _is_full(self, path: Path, *, in_sync: bool) -> bool:
        trouble = self._trouble
        return trouble.full == path.name and trouble.in_sync is in_sync and self._room_bytes <= 0

    def _open(self, path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        if not str(path).startswith(self._folder):
            return int(self._real["open"](path, flags, mode, **more))
        if not flags & _CHANGING:
            fd = int(self._real["open"](path, flags, mode, **more))
            self._readers[fd] = os.fstat(fd)
            return fd
        if self._change():
            raise Killed
        fd = int(self._real["open"](path, flags, mode, **more))
        self._paths[fd] = Path(path)
        size = os.fstat(fd).st_size
        self._synced_bytes[Path(path)] = min(self._synced_bytes.get(Path(path), size), size)
        return fd

    def _dup(self, fd: int) -> int:
        twin = int(self._real["dup"](fd))
        if fd in self._paths:
            self._paths[twin] = self._paths[fd]
        return twin

    def _write(self, fd: int, chunk: bytes) -> int:
        path = self._paths.get(fd)
        if path is None:
            return int(self._real["write"](fd, chunk))
        is_last = self._change()
        if is_last:
            self._real["write"](fd, bytes(chunk)[: int(len(chunk) * self._trouble.share)])
            raise Killed
        if path.name == self._trouble.full:
            if self._is_full(path, in_sync=False):
                self._fail()
            if not self._trouble.in_sync:
                chunk = bytes(chunk)[: self._room_bytes]
            self._room_bytes -= len(chunk)
        return int(self._real["write"](fd, chunk))

    def _fsync(self, fd: int) -> None:
        path = self._paths.get(fd)
        if path is None:
            if self.is_dead:
                raise Killed
            return  # a folder: what is renamed here stays so
        is_last = self._change()
        if is_last and self._trouble.share < 0.5:
            raise Killed
        if self._is_full(path, in_sync=True):
            self._fail()
        # Nothing here loses what was written, so the bytes need not really reach the disk.
        self._synced_bytes[path] = os.fstat(fd).st_size
        if is_last:
            raise Killed

    def _ftruncate(self, fd: int, length: int) -> None:
        if fd in self._paths:
            if self._change():
                raise Killed
            path = self._paths[fd]
            self._synced_bytes[path] = min(self._synced_bytes[path], length)
        self._real["ftruncate"](fd, length)

    def _replace(self, source: Any, target: Any) -> None:
        is_last = self._change()
        if is_last and self._trouble.share < 0.5:
            raise Killed
        self._real["replace"](source, target)
        synced_bytes = self._synced_bytes.pop(Path(source), None)
        self._synced_bytes.pop(Path(target), None)
        if synced_bytes is not None:
            self._synced_bytes[Path(target)] = synced_bytes
        if is_last:
            raise Killed

    def _unlink(self, path: Any, **more: Any) -> None:
        if self._change():
            raise Killed
        self._real["unlink"](path, **more)

    def _close(self, fd: int) -> None:
        self._paths.pop(fd, None)
        self._readers.pop(fd, None)
        self._real["close"](fd)

    def _fdopen(self, fd: int, *more: Any, **named: Any) -> Any:
        path = self._paths.pop(fd, None)  # the file object closes it, and writes unseen
        if path is not None:
            self._synced_bytes.pop(path)
        return self._real["fdopen"](fd, *more, **named)
