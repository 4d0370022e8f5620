"""Files, stdin and arguments as lines, each with its number; never a whole file in memory."""

import os
import re
import select
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import msgspec

from kvsctl.errors import StreamError, UsageError

_CHUNK_BYTES: Final = 256 * 1024
MAX_LINE_BYTES: Final = 16 * 1024 * 1024
"""A longer line is no record: all but its first `_KEPT_BYTES` is read past, not kept."""
_KEPT_BYTES: Final = 1024
_BLANK: Final = re.compile(rb"[ \t\r\n]*")
_VISIBLE: Final = b"!"
_BOM: Final = b"\xef\xbb\xbf"


class Line(msgspec.Struct, frozen=True, gc=False):
    """One line without its end. `number` counts from 1; `cut`: it was too long to keep."""

    number: int
    text: bytes
    cut: bool = False


class Source(Protocol):
    """Where lines come from. An empty list says that nothing more is there right now."""

    @property
    def label(self) -> str:
        """How places in it are named: a path, `-` for stdin, `arg`."""
        ...

    def lines(self) -> Iterator[list[Line]]:
        """All lines, in lists of what arrived together. Raises StreamError."""
        ...


@dataclass(frozen=True, slots=True)
class Arguments:
    """Words of the command line; line numbers count them from 1."""

    words: Sequence[str]
    label: str = "arg"

    def lines(self) -> Iterator[list[Line]]:
        """All words, as the bytes that the shell gave."""
        yield [Line(number, os.fsencode(word)) for number, word in enumerate(self.words, 1)]


@dataclass(slots=True)
class File:
    """A file or, with `path` None, stdin. `bytes_read` grows as it is read."""

    path: Path | None
    descriptor: int = 0
    end: bytes = b"\n"
    bytes_read: int = field(default=0, init=False)

    @property
    def label(self) -> str:
        """The path as it was given, or `-`."""
        return "-" if self.path is None else str(self.path)

    @property
    def place(self) -> Path | int:
        """What the system knows it by: its path, or stdin's descriptor."""
        return self.descriptor if self.path is None else self.path

    @property
    def size(self) -> int | None:
        """Its size in bytes if it is a regular file."""
        try:
            status = os.fstat(self.descriptor) if self.path is None else self.path.stat()
        except OSError:
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def require_readable(self) -> None:
        """Raises UsageError if it cannot be read at all, before anything is sent."""
        if self.path is None:
            return
        try:
            if self.path.is_dir():
                raise UsageError(f"{self.path} is a directory", "Name a file of it.")
            if self.path.is_fifo():
                return
            self.path.open("rb").close()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise UsageError(f"{self.path} cannot be read: {reason}") from error

    def lines(self) -> Iterator[list[Line]]:
        """All lines as they arrive; raises StreamError if reading fails part-way."""
        return split_lines(self._chunks(), self.end)

    def _chunks(self) -> Iterator[bytes]:
        try:
            descriptor = self.descriptor if self.path is None else os.open(self.path, os.O_RDONLY)
        except OSError as error:
            raise StreamError(f"{self.label} cannot be read: {error.strerror}") from error
        try:
            waits = not stat.S_ISREG(os.fstat(descriptor).st_mode)
            while True:
                if waits and not _ready(descriptor):
                    yield b""
                chunk = os.read(descriptor, _CHUNK_BYTES)
                if not chunk:
                    return
                self.bytes_read += len(chunk)
                yield chunk
        except OSError as error:
            raise StreamError(
                f"{self.label} failed after {self.bytes_read:,} bytes: {error.strerror}"
            ) from error
        finally:
            if self.path is not None:
                os.close(descriptor)


def _ready(descriptor: int) -> bool:
    """Whether a read would return at once; False where the system cannot say."""
    try:
        return bool(select.select([descriptor], [], [], 0)[0])
    except (OSError, ValueError):
        return False


def split_lines(chunks: Iterator[bytes], end: bytes = b"\n") -> Iterator[list[Line]]:
    """Cuts chunks at `end`. A byte order mark and, of lines, a final CR are taken off.

    Blank lines are counted and left out. The lists hold what each chunk completed; an empty
    chunk gives an empty list. At most `MAX_LINE_BYTES` are kept of an unfinished line; one that
    is longer is never blank, as what was not kept is not known.
    """
    number, tail, cut = 1, bytearray(), False
    finish: Callable[[bytes], bytes] = _without_cr if end == b"\n" else bytes
    fresh = True
    for chunk in chunks:
        if not chunk:
            yield []
            continue
        tail += chunk
        if fresh and (end in tail or len(tail) >= len(_BOM)):
            fresh = False
            if tail.startswith(_BOM):
                del tail[: len(_BOM)]
        pieces = _take_complete(tail, chunk, end)
        lines = []
        for piece in pieces:
            cut = cut or len(piece) > MAX_LINE_BYTES
            # What begins with a visible character is not blank: most lines are seen so at once.
            if cut or piece >= _VISIBLE or not _BLANK.fullmatch(piece):
                lines.append(Line(number, piece[:_KEPT_BYTES] if cut else finish(piece), cut))
            number, cut = number + 1, False
        if len(tail) > MAX_LINE_BYTES:
            cut = True
        if cut:
            del tail[_KEPT_BYTES:]
        if lines:
            yield lines
    if cut or not _BLANK.fullmatch(tail):
        yield [Line(number, bytes(tail) if cut else finish(bytes(tail)), cut)]


def _take_complete(tail: bytearray, chunk: bytes, end: bytes) -> list[bytes]:
    if end not in chunk:
        return []
    pieces = bytes(tail).split(end)
    tail[:] = pieces.pop()
    return pieces


def _without_cr(line: bytes) -> bytes:
    return line.removesuffix(b"\r")
