"""Decompress gzip and zstd archives, a bounded part at a time."""

import sys
import zlib
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from kvsctl.errors import StreamError

if TYPE_CHECKING:
    from backports.zstd import ZstdDecompressor

_PIECE_BYTES: Final = 256 * 1024
"""The most bytes that are decompressed at a time, however large the content of an archive is."""


class Compression(Enum):
    """How a file is compressed. The value is the name in reports."""

    GZIP = "gzip"
    ZSTD = "zstd"


_MAGIC: Final = {b"\x1f\x8b": Compression.GZIP, b"\x28\xb5\x2f\xfd": Compression.ZSTD}
_SUFFIXES: Final = {
    ".gz": Compression.GZIP,
    ".gzip": Compression.GZIP,
    ".zst": Compression.ZSTD,
    ".zstd": Compression.ZSTD,
}
_HEAD_BYTES: Final = 4


def compression_of(label: str, head: bytes) -> Compression | None:
    """Return how a file is compressed: by its first four bytes, else by its suffix.

    No text in UTF-8 starts with the bytes that these formats start with.
    """
    for magic, compression in _MAGIC.items():
        if head.startswith(magic):
            return compression
    return _SUFFIXES.get(PurePath(label).suffix.lower())


class _Member(Protocol):
    """A gzip member or a zstd frame of an archive, like the standard library's decompressors."""

    @property
    def eof(self) -> bool:
        """Whether the end of the member was reached."""
        ...

    @property
    def unused_data(self) -> bytes:
        """The bytes given after the end of the member."""
        ...

    def take(self, given: bytes) -> Iterator[bytes]:
        """Decompress more bytes, and yield the result in bounded parts."""
        ...


class _GzipMember:
    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    def take(self, given: bytes) -> Iterator[bytes]:
        piece = b""
        while (given or len(piece) == _PIECE_BYTES) and not self.eof:
            piece = self._inflate.decompress(given, _PIECE_BYTES)
            yield piece
            given = self._inflate.unconsumed_tail


class _ZstdFrame:
    def __init__(self, decompressor: "ZstdDecompressor") -> None:
        self._decompressor = decompressor

    @property
    def eof(self) -> bool:
        return self._decompressor.eof

    @property
    def unused_data(self) -> bytes:
        return self._decompressor.unused_data

    def take(self, given: bytes) -> Iterator[bytes]:
        yield self._decompressor.decompress(given, _PIECE_BYTES)
        while not (self.eof or self._decompressor.needs_input):
            yield self._decompressor.decompress(b"", _PIECE_BYTES)


_Start: TypeAlias = Callable[[], _Member]


def _decompressor_for(compression: Compression) -> tuple[_Start, type[Exception]]:
    """Return the function that starts a member, and the exception for a corrupt one."""
    if compression is Compression.GZIP:
        return _GzipMember, zlib.error
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return lambda: _ZstdFrame(zstd.ZstdDecompressor()), zstd.ZstdError


def decompressed(
    chunks: Iterator[bytes], label: str, found: Callable[[Compression | None], None]
) -> Iterator[bytes]:
    """Yield the decompressed content of a file, or the file itself if it is not compressed.

    Consecutive members or frames are read as one. `found` is called with the compression as soon
    as it is known. An empty chunk is passed on. Raise StreamError, after everything that could be
    read, if the archive is corrupt or truncated.
    """
    head, pauses = b"", False
    for chunk in chunks:
        head += chunk
        if len(head) >= _HEAD_BYTES:
            break
        if not chunk:
            if head and compression_of(label, head) is None and not _may_be_magic(head):
                pauses = True
                break
            yield b""
    compression = compression_of(label, head)
    found(compression)
    if compression is not None:
        yield from _decompress(compression, head, chunks, label)
        return
    if head:
        yield head
    if pauses:
        yield b""  # the empty chunk that ended the loop above
    yield from chunks


def _may_be_magic(head: bytes) -> bool:
    return any(magic.startswith(head) for magic in _MAGIC)


def _decompress(
    compression: Compression, head: bytes, chunks: Iterator[bytes], label: str
) -> Iterator[bytes]:
    start, broken = _decompressor_for(compression)
    member, is_fresh, out_bytes = start(), True, 0
    given = head
    try:
        while True:
            while given:
                for piece in member.take(given):
                    if piece:
                        out_bytes += len(piece)
                        yield piece
                is_fresh, given = False, b""
                if member.eof:
                    # Tapes and block devices pad archives with zeros.
                    given = member.unused_data.lstrip(b"\0")
                    member, is_fresh = start(), True
            chunk = next(chunks, None)
            if chunk is None:
                break
            if not chunk:
                yield b""
            given = chunk.lstrip(b"\0") if is_fresh else chunk
    except broken as error:
        raise StreamError(
            f"{label}: the {compression.value} archive is corrupt after {out_bytes:,} "
            f"decompressed bytes: {error}",
            "Everything before that was read. Get the file again, or decompress it yourself.",
        ) from error
    if not is_fresh or not (out_bytes or head):
        raise StreamError(
            f"{label}: the {compression.value} archive is truncated after {out_bytes:,} "
            "decompressed bytes",
            "Everything before that was read. Get the file again.",
        )
