"""Read files, stdin and arguments as numbered pieces, never a whole file in memory."""

import os
import select
import stat
from collections.abc import Generator, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from kvsctl.errors import StreamError, UsageError
from kvsctl.records.cutting.lines import Line, split_lines, without_mark
from kvsctl.records.formats import Format, Forms

if TYPE_CHECKING:
    # These modules are imported when a file is read: arguments do not need them.
    from kvsctl.records.cutting.compression import Compression
    from kvsctl.records.parsing.header import Header

_CHUNK_BYTES: Final = 64 * 1024
"""Bytes per read. The objects made from a chunk fit into the processor's cache; larger chunks are
slower."""
_BYTES_PER_PAUSE: Final = 1024 * 1024
"""A large part of a file may hold no pieces, such as only line feeds. After each block of this
size, reading pauses with an empty list, so that the caller gets a turn."""
# In text mode, Windows would end a file at its first byte 0x1A and remove each CR before an LF,
# even in an archive.
_OPEN_FLAGS: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0)


class Source(Protocol):
    """An input. An empty list of lines means that nothing more is available right now."""

    @property
    def label(self) -> str:
        """The name of the source in messages: a path, `-` for stdin, or `arg`."""
        ...

    @property
    def words(self) -> Sequence[str] | None:
        """The arguments of the command line, if they are the source; else None."""
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
    def compression(self) -> "Compression | None":
        """The compression that was found, once reading has begun."""
        ...

    def lines(self) -> Iterator[Sequence[Line]]:
        """Yield lists of the lines that arrived together. Raise StreamError if reading fails."""
        ...


class Arguments(msgspec.Struct, frozen=True):
    """Arguments of the command line. Their line numbers count from 1."""

    words: Sequence[str]
    label: str = "arg"
    place: None = None
    is_rereadable: bool = True
    format: None = None
    compression: None = None

    def lines(self) -> Iterator[Sequence[Line]]:
        """Yield one list of all arguments, each as the bytes that the shell passed."""
        yield [Line(number, os.fsencode(word)) for number, word in enumerate(self.words, 1)]


class File(msgspec.Struct):
    """A file, or stdin if `path` is None.

    `end` is the byte that ends a plain key. `bytes_read` grows while the file is read; it counts
    the bytes of the file itself, compressed or not. From the first piece on, `format` is the
    format that `forms` found, `compression` is how the file is compressed, and `header` is the
    first row of a table. The header is not a piece.
    """

    path: Path | None
    descriptor: int = 0
    end: bytes = b"\n"
    forms: Forms = msgspec.field(default_factory=Forms)
    bytes_read: int = 0
    format: Format | None = None
    compression: "Compression | None" = None
    header: "Header | None" = None
    words: None = None

    @property
    def label(self) -> str:
        """The path as the user gave it, or `-`."""
        return "-" if self.path is None else str(self.path)

    @property
    def place(self) -> Path | int:
        """How the operating system identifies the file: by its path, or by stdin's descriptor."""
        return self.descriptor if self.path is None else self.path

    @property
    def is_rereadable(self) -> bool:
        """Whether it is a regular file that is read from its start: stdin is not."""
        return self.path is not None and self.size is not None

    @property
    def size(self) -> int | None:
        """The size in bytes of a regular file; None for anything else."""
        try:
            status = os.fstat(self.descriptor) if self.path is None else self.path.stat()
        except OSError:
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def require_readable(self) -> None:
        """Raise UsageError if the file cannot be read at all. Call it before sending anything."""
        if self.path is None:
            return
        try:
            if self.path.is_dir():
                raise UsageError(f"cannot read {self.path}: is a directory", "Name a file in it.")
            if self.path.is_fifo():
                return
            self.path.open("rb").close()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise UsageError(f"cannot read {self.path}: {reason}") from error

    def lines(self) -> Iterator[Sequence[Line]]:
        """Yield lists of pieces as they arrive.

        For a regular file, an empty list is only a pause, so that no list takes long to arrive.
        Raise StreamError if reading fails part-way, and UsageError if the content does not have
        the format that was given or found.
        """
        from kvsctl.records.cutting.compression import decompressed
        from kvsctl.records.cutting.signatures import only_text

        chunks = decompressed(self._chunks(), self.label, self._set_compression)
        chunks = without_mark(only_text(chunks, self.label, lambda: self.compression, self.end))
        if self.size is not None:
            chunks = _with_pauses(chunks)
        head = b""
        found = self.forms.find(self.label, head, is_whole=False)
        self.reset()
        while found is None:
            chunk = next(chunks, None)
            if chunk == b"":
                yield []
                continue
            head += chunk or b""
            found = self.forms.find(self.label, head, is_whole=chunk is None)
        self.format = found
        yield from self._cut(found, chain([head], chunks) if head else chunks)

    def start(self) -> Sequence[Line]:
        """Return the first pieces, and read no further. Raise like `lines`."""
        lines = self.lines()
        try:
            return next(lines, ())
        finally:
            if isinstance(lines, Generator):
                lines.close()

    def reset(self) -> None:
        """Forget everything that reading has found."""
        self.format = self.compression = self.header = None
        self.bytes_read = 0

    def _cut(self, found: Format, chunks: Iterator[bytes]) -> Iterator[Sequence[Line]]:
        if found is Format.JSON:
            from kvsctl.records.cutting.array import split_array

            return split_array(chunks, self.label)
        if found.is_table:
            return self._table(found, chunks)
        if found is Format.KEYS and self.end != b"\n":
            return split_lines(chunks, self.end)
        from kvsctl.records.cutting.documents import only_lines

        return only_lines(split_lines(chunks), self.label, has_values=self.forms.has_values)

    def _table(self, found: Format, chunks: Iterator[bytes]) -> Iterator[Sequence[Line]]:
        from kvsctl.records.cutting.rows import split_rows
        from kvsctl.records.cutting.separator import MOST_SEPARATOR_BYTES, take_separator
        from kvsctl.records.parsing.header import Header

        shape, head = self.forms.shape, b""
        for chunk in chunks:
            head += chunk
            if b"\n" in head or len(head) >= MOST_SEPARATOR_BYTES:
                break
            if not chunk:
                yield []
        named, rest = take_separator(head)
        delimiter = shape.delimiter or named or self.forms.delimiter(found)
        rows = split_rows(
            chain([rest], chunks) if rest else chunks,
            delimiter,
            first=1 if named is None else 2,
            has_quotes=shape.has_quotes,
        )
        for arrived in rows:
            if arrived and self.header is None:
                header, arrived = arrived[0], arrived[1:]
                self.header = Header(self.label, header, delimiter, has_quotes=shape.has_quotes)
            yield arrived

    def _set_compression(self, found: "Compression | None") -> None:
        self.compression = found

    def _chunks(self) -> Iterator[bytes]:
        try:
            descriptor = self.descriptor if self.path is None else os.open(self.path, _OPEN_FLAGS)
        except OSError as error:
            raise StreamError(f"cannot read {self.label}: {error.strerror}") from error
        self.bytes_read = 0
        try:
            status = os.fstat(descriptor)
            waits = not stat.S_ISREG(status.st_mode)
            while True:
                if waits and not _is_ready(descriptor):
                    yield b""
                chunk = os.read(descriptor, _CHUNK_BYTES)
                if not chunk:
                    self._require_whole(status)
                    return
                self.bytes_read += len(chunk)
                yield chunk
        except OSError as error:
            raise StreamError(
                f"cannot read {self.label} after {self.bytes_read:,} bytes: {error.strerror}"
            ) from error
        finally:
            if self.path is not None:
                os.close(descriptor)

    def _require_whole(self, at_first: os.stat_result) -> None:
        """Raise StreamError if a file is now shorter than when it was opened."""
        # Not for stdin: another process may have read a part of it before.
        if self.path is not None and stat.S_ISREG(at_first.st_mode):
            missing_bytes = at_first.st_size - self.bytes_read
            if missing_bytes > 0:
                raise StreamError(
                    f"{self.label} shrank while it was read: {missing_bytes:,} bytes are missing"
                )


def _with_pauses(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the chunks, with an empty chunk after every `_BYTES_PER_PAUSE` bytes."""
    passed_bytes = 0
    for chunk in chunks:
        yield chunk
        passed_bytes += len(chunk)
        if passed_bytes >= _BYTES_PER_PAUSE:
            passed_bytes = 0
            yield b""


def _is_ready(descriptor: int) -> bool:
    """Return whether a read would return at once; False where the system cannot tell."""
    try:
        return bool(select.select([descriptor], [], [], 0)[0])
    except (OSError, ValueError):
        return False
