"""Fingerprints, by which a later run recognises the same input."""

import os
import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from kvsctl.blake2 import blake2b
from kvsctl.errors import UsageError
from kvsctl.records.sources import Source

_END_BYTES: Final = 64 * 1024

Fingerprint: TypeAlias = dict[str, Any]


def option_named(name: str) -> str:
    """Return the option that a journal calls by this name, such as `as_`."""
    return "--" + name.rstrip("_").replace("_", "-")


def fingerprint(sources: Sequence[Source]) -> list[Fingerprint]:
    """Return a fingerprint for each source.

    A file, even on stdin, is identified by its size, its modification time, and hashes of both
    ends. A stream is identified only as a stream.
    """
    return [_of_source(source) for source in sources]


def of_files(paths: Sequence[Path], then: Sequence[Fingerprint]) -> list[Fingerprint]:
    """Return a fingerprint for each file. One that is gone has the one that it had `then`."""
    had = {one.get("path"): one for one in then}
    found: list[Fingerprint] = []
    for path in paths:
        missing = {"kind": "missing file", "path": str(path)}
        try:
            one = _of_file(path) if path.exists() else had.get(str(path), missing)
        except (OSError, UsageError):  # whoever reads it says why that fails
            one = missing
        found.append(one)
    return found


def change(then: Sequence[Fingerprint], now: Sequence[Fingerprint]) -> str | None:
    """Return what has changed, for people; None if nothing has. The path of a file may change."""
    if len(then) != len(now):
        return f"the number of inputs is {len(now)}, it was {len(then)}"
    for one, other in zip(then, now, strict=True):
        if one["kind"] != other["kind"]:
            return f"{_name(other)} is read in place of {_name(one)}"
        for member, difference in (
            ("size", "has a different size"),
            ("ends", "has different content"),
            ("changed_ns", "has been modified"),
            ("begins_at", "is read from a different offset"),
            ("selection", "has a different selection"),
            ("protected", "has other protected keys"),
        ):
            if one.get(member) != other.get(member):
                return f"{_name(other)} {difference}{_details(member, one, other)}"
    return None


def _of_source(source: Source) -> Fingerprint:
    if source.words is not None:
        words = b"\0".join(os.fsencode(word) for word in source.words)
        return {"kind": "arguments", "size": len(source.words), "ends": _hash(words)}
    return _of_file(source.place) if isinstance(source.place, Path) else stdin_fingerprint()


def stdin_fingerprint(fd: int = 0) -> Fingerprint:
    """Return the fingerprint of a descriptor that is read from its current offset."""
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return {"kind": "stdin"}
        offset = os.lseek(fd, 0, os.SEEK_CUR)
        try:
            return {"kind": "stdin", **_of_descriptor(fd), "begins_at": offset}
        finally:
            os.lseek(fd, offset, os.SEEK_SET)
    except OSError as error:
        raise UsageError(f"cannot read stdin: {error.strerror}") from error


def _of_file(path: Path) -> Fingerprint:
    try:
        if not path.is_file():
            return {"kind": "stream", "path": str(path)}
        with path.open("rb") as file:
            return {"kind": "file", "path": str(path), **_of_descriptor(file.fileno())}
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def _of_descriptor(fd: int) -> Fingerprint:
    """Return the fingerprint of a regular file. The descriptor's offset is changed."""
    status = os.fstat(fd)
    os.lseek(fd, 0, os.SEEK_SET)
    head = os.read(fd, _END_BYTES)
    os.lseek(fd, max(0, status.st_size - _END_BYTES), os.SEEK_SET)
    tail = os.read(fd, _END_BYTES)
    return {
        "size": status.st_size,
        "changed_ns": status.st_mtime_ns,
        "ends": _hash(head) + _hash(tail),
    }


def _hash(text: bytes) -> str:
    return blake2b(text, digest_size=16).hexdigest()


def _name(one: Fingerprint) -> str:
    return str(one.get("path", one["kind"]))


def _details(member: str, one: Fingerprint, other: Fingerprint) -> str:
    if not (one.get(member) and other.get(member)):
        return ""
    if member == "size":
        return f": {one['size']:,} before, {other['size']:,} now"
    if member == "changed_ns":
        return f": {_time(one['changed_ns'])} before, {_time(other['changed_ns'])} now"
    return ""


def _time(moment_ns: int) -> str:
    return datetime.fromtimestamp(moment_ns / 1e9, UTC).isoformat(timespec="milliseconds")
