"""Files of records as JSON Lines, plain or compressed: open one, or replace one as a whole."""

import contextlib
import gzip
import os
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from kvsctl.emulator.refusals import EmulatorError, reason_of

GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
_SKIPPED: Final = b"\x2a\x4d\x18"
"""What follows the first byte, 0x50 to 0x5F, of a frame of zstd to skip: pzstd begins with one."""
GZIP_SUFFIXES: Final = (".gz", ".gzip")
ZSTD_SUFFIXES: Final = (".zst", ".zstd")
OTHER_SUFFIXES: Final = (".bz2", ".xz", ".zip")


class ExportFailed(EmulatorError):
    """A file of records could not be written. The earlier file is unchanged."""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file of records, decompressed if it is gzip or zstd.

    Raise `EmulatorError` if it cannot be opened, or, while it is read, if it is damaged.
    """
    try:
        with path.open("rb") as raw, _decompressed(raw) as file:
            yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise EmulatorError(f"cannot read {path}: damaged: {error}") from error
    except OSError as error:
        raise EmulatorError(f"cannot read {path}: {reason_of(error)}") from error
    except Exception as error:
        if type(error).__name__ != "ZstdError":  # its module is imported only where it is needed
            raise
        raise EmulatorError(f"cannot read {path}: damaged: {error}") from error


def _decompressed(raw: IO[bytes]) -> contextlib.AbstractContextManager[Any]:
    start = raw.read(len(ZSTD))
    raw.seek(0)
    if start.startswith(GZIP):
        return gzip.open(raw, "rb")
    is_zstd = start == ZSTD or (start[1:] == _SKIPPED and start[0] >> 4 == 5)
    return _zstd().open(raw, "rb") if is_zstd else contextlib.nullcontext(raw)


def _zstd() -> Any:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError as error:
        raise EmulatorError("this Python was built without zstd; use gzip instead") from error
    return zstd


def require_writable(path: Path) -> None:
    """Raise `EmulatorError` if `replaced` could not write this file, as far as that can be known.

    The folder is tested with a temporary file, which is removed at once.
    """
    if path.suffix.lower() in OTHER_SUFFIXES:
        raise EmulatorError(
            f"cannot write {path}: compressed as gzip or zstd only; name it .gz or .zst"
        )
    if path.suffix.lower() in ZSTD_SUFFIXES:
        _zstd()
    if path.exists() and not path.is_file():
        raise EmulatorError(f"cannot write {path}: not a regular file")
    try:
        with tempfile.TemporaryFile(dir=_real(path).parent):
            pass
    except OSError as error:
        raise EmulatorError(f"cannot write {path}: {reason_of(error)}") from error


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that takes the place of `path` at the end of the block, synced to disk.

    It is written beside `path`, compressed if the name ends in .gz or .zst, and readable by its
    owner only. If the block or the disk fails, it is removed, and `path` is unchanged. Raise
    `ExportFailed` if the file cannot be written.
    """
    place = _real(path)
    try:
        fd, name = tempfile.mkstemp(prefix=f"{place.name}.", suffix=".part", dir=place.parent)
    except OSError as error:
        raise ExportFailed(f"cannot write {path}: {reason_of(error)}") from error
    beside = Path(name)
    try:
        with os.fdopen(fd, "wb") as raw:
            with _compressed(raw, path.suffix.lower()) as file:
                yield file
            raw.flush()
            os.fsync(raw.fileno())
        beside.replace(place)
        _sync_folder(place.parent)
    except OSError as error:
        raise ExportFailed(f"cannot write {path}: {reason_of(error)}") from error
    finally:
        beside.unlink(missing_ok=True)


def _compressed(raw: IO[bytes], suffix: str) -> Any:
    if suffix in GZIP_SUFFIXES:
        return gzip.GzipFile("", "wb", fileobj=raw, mtime=0)
    if suffix in ZSTD_SUFFIXES:
        return _zstd().open(raw, "wb")
    return contextlib.nullcontext(raw)


def is_same_file(one: Path, other: Path) -> bool:
    """Return whether two paths name the same file, which need not exist."""
    return _real(one) == _real(other)


def _real(path: Path) -> Path:
    """Return the target of a link, so that the target is replaced, not the link."""
    return Path(os.path.realpath(path))


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
