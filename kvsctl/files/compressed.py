"""Compress an output if its suffix says so."""

import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from kvsctl.errors import UsageError
from kvsctl.files.sinks import ByteSink, MarkedSink, open_output

_MEMBER_BYTES: Final = 1_000_000
"""How many bytes of output are collected in memory and then compressed together."""
_GZIP: Final = zlib.MAX_WBITS | 16

Compress: TypeAlias = Callable[[bytes], bytes]
"""Returns a whole gzip member or zstd frame. A file may have several: they are read as one."""


def compressor_of(path: Path) -> Compress | None:
    """Return the function that compresses a file of this name; None if it is not compressed.

    Raise UsageError for suffixes of other formats, and if this Python lacks the library.
    """
    suffix = path.suffix.lower()
    if suffix in (".gz", ".gzip"):
        return _gzip
    if suffix in (".zst", ".zstd"):
        try:
            return _zstd()
        except ImportError:
            raise UsageError(
                f"cannot write {path}: this Python was built without zstd", "Name it .gz instead."
            ) from None
    if suffix in (".bz2", ".xz"):
        raise UsageError(
            f"cannot write {path}: output is compressed as gzip or zstd only",
            "Name it .gz or .zst, or compress it afterwards.",
        )
    return None


def open_compressed(path: Path, moved: Callable[[], None] = lambda: None) -> ByteSink:
    """Return a sink to an output, compressed as its name says. Raise UsageError: see `open_output`.

    `moved`: see `DescriptorWriter`.
    """
    compress = compressor_of(path)
    sink = open_output(path, moved)
    return sink if compress is None else CompressedSink(sink, compress)


def _gzip(content: bytes) -> bytes:
    return zlib.compress(content, wbits=_GZIP)


def _zstd() -> Compress:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.compress


class CompressedSink:
    """A sink that compresses what it passes on to another one, a megabyte at a time.

    The bytes passed on always form a whole archive, even if the disk is full or the process dies.
    """

    def __init__(self, sink: ByteSink, compress: Compress) -> None:
        self._sink = sink
        self._compress = compress
        self._is_empty = True
        self._chunks: list[bytes] = []
        self._held_bytes = 0
        self._taken_bytes = 0

    @property
    def lost_bytes(self) -> int:
        """See ByteSink. How many of the bytes a truncated archive holds is not known."""
        return self._taken_bytes if self._sink.lost_bytes else 0

    @property
    def broken(self) -> OSError | None:
        """See ByteSink."""
        return self._sink.broken

    @property
    def pending_bytes(self) -> int:
        """See ByteSink. Bytes that wait for the rest of their megabyte do not count."""
        return self._sink.pending_bytes

    def write(self, chunk: bytes) -> None:
        """See ByteSink."""
        self._chunks.append(chunk)
        self._held_bytes += len(chunk)
        self._taken_bytes += len(chunk)
        if self._held_bytes >= _MEMBER_BYTES:
            self._pass_on()

    def complete(self) -> None:
        """See ByteSink. Empty output becomes an empty archive: zero bytes are not an archive."""
        self._pass_on()
        if self._is_empty:
            self._sink.write(self._compress(b""))
        self._sink.complete()

    def abandon(self) -> None:
        """See ByteSink."""
        self._pass_on()
        self._sink.abandon()

    def _pass_on(self) -> None:
        content = b"".join(self._chunks)
        self._chunks.clear()
        self._held_bytes = 0
        if content:
            self._is_empty = False
            self._sink.write(self._compress(content))


class MarkedCompressedSink(CompressedSink):
    """A CompressedSink over a sink that can be truncated to a mark."""

    def __init__(self, sink: MarkedSink, compress: Compress) -> None:
        super().__init__(sink, compress)
        self._marked = sink
        self._is_empty = not sink.mark()

    def mark(self) -> int:
        """See MarkedSink."""
        self._pass_on()
        return self._marked.mark()

    def sync(self) -> None:
        """See MarkedSink."""
        self._marked.sync()
