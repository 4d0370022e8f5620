"""Decompress gzip, bzip2, xz and zstd files, a bounded part at a time."""

import sys
import zlib
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import PurePath
from typing import Final, Protocol, TypeAlias

from kvsctl.errors import StreamError, UsageError

_PIECE_BYTES: Final = 256 * 1024
"""The most bytes that are decompressed at a time, however large the content of an archive is."""
_MOST_XZ_BYTES: Final = 128 * 1024 * 1024
"""The most memory for decompressing xz. `xz -9` makes files that need 65 MiB."""


class Compression(Enum):
    """How a file is compressed. The value is the name in reports."""

    GZIP = "gzip"
    BZIP2 = "bzip2"
    XZ = "xz"
    ZSTD = "zstd"

    @property
    def command(self) -> str:
        """The command that decompresses a file, without the file's name."""
        return f"{self.value} -dc"


_MAGIC: Final = {
    b"\x1f\x8b": Compression.GZIP,
    b"\xfd7zXZ\0": Compression.XZ,
    b"\x28\xb5\x2f\xfd": Compression.ZSTD,
    # `BZh` alone may begin a key. A level and the start of a block, or of the end, follow it.
    **{
        b"BZh%d%b" % (level, start): Compression.BZIP2
        for level in range(1, 10)
        for start in (b"1AY&SY", b"\x17rE8P\x90")
    },
    # A frame to skip, with which pzstd begins each of its own.
    **{b"%c\x2a\x4d\x18" % number: Compression.ZSTD for number in range(0x50, 0x60)},
}
_SUFFIXES: Final = {
    ".gz": Compression.GZIP,
    ".gzip": Compression.GZIP,
    ".bz2": Compression.BZIP2,
    ".xz": Compression.XZ,
    ".zst": Compression.ZSTD,
    ".zstd": Compression.ZSTD,
}
COMPRESSION_SUFFIXES: Final = frozenset(_SUFFIXES)
"""The suffixes of compressed files, in lower case. They say nothing about the format inside."""
_HEAD_BYTES: Final = max(map(len, _MAGIC))


def compression_of(label: str, head: bytes) -> Compression | None:
    """Return how a file is compressed, by its first bytes; None if it is not.

    No text in UTF-8 begins with the magic bytes of these formats, except those of bzip2 and of a
    frame of zstd to skip, and no key and no JSON begins with those. The suffix decides only for a
    file that ends before its magic bytes are complete, such as an empty one.
    """
    for magic, compression in _MAGIC.items():
        if head.startswith(magic):
            return compression
    named = _SUFFIXES.get(PurePath(label).suffix.lower())
    return named if named is not None and _may_be_magic(head, named) else None


class _Member(Protocol):
    """A member, stream or frame of a compressed file."""

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


class _Decompressor(Protocol):
    """What the decompressors of bz2, lzma and zstd have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Stream:
    def __init__(self, decompressor: _Decompressor) -> None:
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
    """Return the function that starts a member, and the exception for a corrupt one.

    Raise ImportError if this Python was built without the library.
    """
    match compression:
        case Compression.GZIP:
            return _GzipMember, zlib.error
        case Compression.BZIP2:
            import bz2

            return lambda: _Stream(bz2.BZ2Decompressor()), OSError
        case Compression.XZ:
            import lzma

            return lambda: _Stream(
                lzma.LZMADecompressor(lzma.FORMAT_XZ, _MOST_XZ_BYTES)
            ), lzma.LZMAError
        case Compression.ZSTD:
            if sys.version_info >= (3, 14):
                from compression import zstd
            else:
                from backports import zstd
            return lambda: _Stream(zstd.ZstdDecompressor()), zstd.ZstdError


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


def _may_be_magic(head: bytes, of: Compression | None = None) -> bool:
    """Return whether more bytes may show a compression: any, or the one in `of`."""
    return any(
        magic.startswith(head) for magic, found in _MAGIC.items() if of is None or found is of
    )


def _decompress(
    compression: Compression, head: bytes, chunks: Iterator[bytes], label: str
) -> Iterator[bytes]:
    try:
        start, broken = _decompressor_for(compression)
    except ImportError:
        raise UsageError(
            f"{label}: this Python was built without {compression.value}",
            f"Decompress the file first: {compression.command} FILE",
        ) from None
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
        raise _broken(label, compression, f"corrupt: {error}", out_bytes) from error
    if not is_fresh or not (out_bytes or head):
        raise _broken(label, compression, "truncated", out_bytes)


def _broken(label: str, compression: Compression, damage: str, out_bytes: int) -> StreamError:
    damage, colon, reason = damage.partition(":")
    before = "Everything before that was read. " if out_bytes else ""
    return StreamError(
        f"{label}: the {compression.value} archive is {damage} after {out_bytes:,} "
        f"decompressed bytes{colon}{reason}",
        f"{before}Get the file again, or decompress it yourself.",
    )
