"""Files, stdin and arguments as pieces with their numbers; never a whole file in memory."""

import os
import select
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Final, Protocol

from kvsctl.errors import StreamError, UsageError
from kvsctl.records.cutting.array import split_array
from kvsctl.records.cutting.compression import Compression, decompressed
from kvsctl.records.cutting.lines import Line, split_lines, without_mark
from kvsctl.records.cutting.rows import split_rows
from kvsctl.records.formats import Format, Forms
from kvsctl.records.parsing.header import Header

_CHUNK_BYTES: Final = 64 * 1024
_BYTES_A_PAUSE: Final = 1024 * 1024
"""A file may give nothing for long, such as line feeds alone: who reads it has turns meanwhile."""
"""What is made of a chunk stays in the processor's own memory: larger ones read slower."""
# Windows would end a file at its first byte of 26, and take the CR off lines of an archive too.
_READING: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0)


class Source(Protocol):
    """Where lines come from. An empty list says that nothing more is there right now."""

    @property
    def label(self) -> str:
        """How places in it are named: a path, `-` for stdin, `arg`."""
        ...

    @property
    def words(self) -> Sequence[str] | None:
        """The words of the command line, if these are the source."""
        ...

    @property
    def place(self) -> Path | int | None:
        """The file's path or descriptor; None if the source is not a file."""
        ...

    @property
    def is_rereadable(self) -> bool:
        """Whether the source can be read twice with the same result."""
        ...

    @property
    def format(self) -> Format | None:
        """The format that was found, once reading has begun."""
        ...

    @property
    def compression(self) -> Compression | None:
        """The compression that was found, once reading has begun."""
        ...

    def lines(self) -> Iterator[Sequence[Line]]:
        """All lines, in lists of what arrived together. Raises StreamError."""
        ...


@dataclass(frozen=True, slots=True)
class Arguments:
    """Words of the command line; line numbers count them from 1."""

    words: Sequence[str]
    label: str = "arg"
    place: None = None
    is_rereadable: bool = True
    format: None = None
    compression: None = None

    def lines(self) -> Iterator[Sequence[Line]]:
        """All words, as the bytes that the shell gave."""
        yield [Line(number, os.fsencode(word)) for number, word in enumerate(self.words, 1)]


@dataclass(slots=True)
class File:
    """A file or, with `path` None, stdin.

    `end` is what plain keys end in. `bytes_read` grows as it is read, in bytes of the file as it
    lies there. Once the first piece is there, `format` is the form that `forms` found,
    `compression` what was unfolded, and `header` the first row of a table, which is no piece.
    """

    path: Path | None
    descriptor: int = 0
    end: bytes = b"\n"
    forms: Forms = field(default_factory=Forms)
    bytes_read: int = field(default=0, init=False)
    format: Format | None = field(default=None, init=False)
    compression: Compression | None = field(default=None, init=False)
    header: Header | None = field(default=None, init=False)
    words: None = field(default=None, init=False)

    @property
    def label(self) -> str:
        """The path as it was given, or `-`."""
        return "-" if self.path is None else str(self.path)

    @property
    def place(self) -> Path | int:
        """What the system knows it by: its path, or stdin's descriptor."""
        return self.descriptor if self.path is None else self.path

    @property
    def is_rereadable(self) -> bool:
        """Whether it is a regular file that is read from its start: stdin is not."""
        return self.path is not None and self.size is not None

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

    def lines(self) -> Iterator[Sequence[Line]]:
        """All pieces as they arrive; raises StreamError if reading fails part-way.

        Of a regular file an empty list is a pause, so that none takes long to come.
        UsageError is for what is not of the form that it was taken for.
        """
        chunks = without_mark(decompressed(self._chunks(), self.label, self._see_compression))
        if self.size is not None:
            chunks = _with_pauses(chunks)
        head = b""
        found = self.forms.find(self.label, head, is_whole=False)
        self.format = self.compression = self.header = None
        self.bytes_read = 0
        while found is None:
            chunk = next(chunks, None)
            if chunk == b"":
                yield []
                continue
            head += chunk or b""
            found = self.forms.find(self.label, head, is_whole=chunk is None)
        self.format = found
        yield from self._cut(found, chain([head], chunks) if head else chunks)

    def _cut(self, found: Format, chunks: Iterator[bytes]) -> Iterator[Sequence[Line]]:
        if found is Format.JSON:
            return split_array(chunks, self.label)
        if found.is_table:
            delimiter = self.forms.delimiter(found)
            return self._rows(split_rows(chunks, delimiter), delimiter)
        return split_lines(chunks, self.end if found is Format.KEYS else b"\n")

    def _rows(self, rows: Iterator[Sequence[Line]], delimiter: str) -> Iterator[Sequence[Line]]:
        for arrived in rows:
            if arrived and self.header is None:
                first, arrived = arrived[0], arrived[1:]
                self.header = Header(self.label, first, delimiter)
            yield arrived

    def _see_compression(self, found: Compression | None) -> None:
        self.compression = found

    def _chunks(self) -> Iterator[bytes]:
        try:
            descriptor = self.descriptor if self.path is None else os.open(self.path, _READING)
        except OSError as error:
            raise StreamError(f"{self.label} cannot be read: {error.strerror}") from error
        self.bytes_read = 0
        try:
            status = os.fstat(descriptor)
            waits = not stat.S_ISREG(status.st_mode)
            while True:
                if waits and not _ready(descriptor):
                    yield b""
                chunk = os.read(descriptor, _CHUNK_BYTES)
                if not chunk:
                    self._require_whole(status)
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

    def _require_whole(self, at_first: os.stat_result) -> None:
        """Raises StreamError if a file ended before the end that it had at first."""
        # stdin may have been read by another before: only a file is read from its start.
        if self.path is not None and stat.S_ISREG(at_first.st_mode):
            missing_bytes = at_first.st_size - self.bytes_read
            if missing_bytes > 0:
                raise StreamError(
                    f"{self.label} shrank while it was read: {missing_bytes:,} bytes of it are gone"
                )


def _with_pauses(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same, with an empty chunk for each `_BYTES_A_PAUSE`."""
    passed_bytes = 0
    for chunk in chunks:
        yield chunk
        passed_bytes += len(chunk)
        if passed_bytes >= _BYTES_A_PAUSE:
            passed_bytes = 0
            yield b""


def _ready(descriptor: int) -> bool:
    """Whether a read would return at once; False where the system cannot say."""
    try:
        return bool(select.select([descriptor], [], [], 0)[0])
    except (OSError, ValueError):
        return False
