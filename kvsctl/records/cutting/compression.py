"""Archives read as what is in them, a bounded piece at a time."""

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
"""At most so much comes out at a time, whatever an archive unfolds to."""


class Compression(Enum):
    """How a file is compressed; the value is what a report says."""

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
    """By the first four bytes of a file, else by its suffix; no text in UTF-8 begins so."""
    for magic, compression in _MAGIC.items():
        if head.startswith(magic):
            return compression
    return _SUFFIXES.get(PurePath(label).suffix.lower())


class _Member(Protocol):
    """One member or frame of an archive, as the standard library's decompressors have it."""

    @property
    def eof(self) -> bool:
        """Whether its end was reached."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What was given beyond its end."""
        ...

    def take(self, given: bytes) -> Iterator[bytes]:
        """What comes out when this is given as well, in pieces."""
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


def _machinery(compression: Compression) -> tuple[_Start, type[Exception]]:
    """What reads a member, and what it raises for one that is broken."""
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
    """What is in the file, members or frames that follow each other as one; else it as it is.

    `found` is told how it is compressed once that is known. An empty chunk is passed on. Raises
    StreamError, after all that could be read, for an archive that is broken or cut short.
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
        yield from _unfolded(compression, head, chunks, label)
        return
    if head:
        yield head
    if pauses:
        yield b""  # what was passed over above: the input has nothing more right now
    yield from chunks


def _may_be_magic(head: bytes) -> bool:
    return any(magic.startswith(head) for magic in _MAGIC)


def _unfolded(
    compression: Compression, head: bytes, chunks: Iterator[bytes], label: str
) -> Iterator[bytes]:
    start, broken = _machinery(compression)
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
                    # Tapes and block devices fill archives up with zeros.
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
            f"{label}: the {compression.value} archive is broken after {out_bytes:,} bytes "
            f"of what is in it: {error}",
            "What came before was read. Get the file again, or unpack it by hand.",
        ) from error
    if not is_fresh or not (out_bytes or head):
        raise StreamError(
            f"{label}: the {compression.value} archive is cut short after {out_bytes:,} bytes "
            "of what is in it",
            "What came before was read. Get the file again.",
        )
