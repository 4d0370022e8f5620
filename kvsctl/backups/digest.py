"""The count and the hash of uncompressed records."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from kvsctl.errors import StreamError, UsageError
from kvsctl.records.cutting.compression import Compression, decompressed

_CHUNK_BYTES: Final = 1 << 20
_OPEN_FLAGS: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0)


class Digest(msgspec.Struct, frozen=True):
    """The identity of an export: the number of its lines, their total size, and a hash.

    All three are of the uncompressed records. `sha256` is in hexadecimal.
    """

    records: int
    size_bytes: int
    sha256: str


class RunningDigest:
    """A digest of the bytes taken so far. Each record is a line that ends in LF."""

    def __init__(self) -> None:
        import hashlib  # not at the top: it loads OpenSSL, and few commands need that

        self._hash = hashlib.sha256()
        self._records = 0
        self._size_bytes = 0

    def take(self, chunk: bytes) -> None:
        """Take the next uncompressed bytes."""
        self._hash.update(chunk)
        self._records += chunk.count(b"\n")
        self._size_bytes += len(chunk)

    def result(self) -> Digest:
        """Return the digest of everything that was taken."""
        return Digest(self._records, self._size_bytes, self._hash.hexdigest())


def uncompressed(path: Path) -> Iterator[bytes]:
    """Yield the content of a file, decompressed if its first bytes show a compression.

    Raise UsageError if it cannot be opened, and StreamError if reading fails part-way, as for a
    truncated archive.
    """
    try:
        fd = os.open(path, _OPEN_FLAGS)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    try:
        yield from decompressed(_chunks(fd, path), str(path), _ignore)
    finally:
        os.close(fd)


def digest_of(path: Path, is_stopped: Callable[[], bool] = lambda: False) -> Digest:
    """Return the digest of a file, read whole unless `is_stopped` returns True meanwhile.

    Raise as `uncompressed` does.
    """
    running = RunningDigest()
    for chunk in uncompressed(path):
        if is_stopped():
            break
        running.take(chunk)
    return running.result()


def _chunks(fd: int, path: Path) -> Iterator[bytes]:
    try:
        while chunk := os.read(fd, _CHUNK_BYTES):
            yield chunk
    except OSError as error:
        raise StreamError(f"cannot read {path}: {error.strerror}") from error


def _ignore(_: Compression | None) -> None:
    return None
