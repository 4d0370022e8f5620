"""Paths of descriptors that are already open: `/dev/stdout`, `/dev/fd/63`, `>(command)`."""

import os
import re
from pathlib import Path
from typing import Final

from kvsctl.errors import UsageError, not_permitted

_DESCRIPTOR: Final = re.compile(r"/dev/(stdin|stdout|stderr)|/(?:dev|proc/self)/fd/([0-9]{1,9})")
_LEAST_SPARE: Final = 32
"""The fewest further descriptors that a command needs: loop, files, database and connections."""
_STREAMS: Final = ("stdin", "stdout", "stderr")
_MAX_LINKS: Final = 40
"""How many links the system follows before it reports a loop."""


def require_descriptors() -> None:
    """Raise UsageError if the process can open too few descriptors to do any work.

    Otherwise an event loop would fail half-way, where libraries abort the process.
    """
    opened: list[int] = []
    try:
        while len(opened) < _LEAST_SPARE:
            opened.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        raise UsageError(
            f"cannot open {_LEAST_SPARE} files at a time: {error.strerror}",
            "Raise the limit on open files (ulimit -n).",
        ) from None
    finally:
        for fd in opened:
            os.close(fd)


def spare_descriptors() -> int | None:
    """Return the limit on descriptors, less those that every command needs; None if unknown."""
    if os.name != "posix":
        return None
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if limit == resource.RLIM_INFINITY else max(0, limit - _LEAST_SPARE)


def descriptor(path: Path) -> int | None:
    """Return the descriptor that a path, or a link, stands for; None for any other path.

    Never truncate or replace the file behind a descriptor: other processes may write to it too.
    Raise UsageError if the user may not look up the path.
    """
    if os.name != "posix":
        return None
    current = path.absolute()
    for _ in range(_MAX_LINKS):
        if found := _DESCRIPTOR.fullmatch(os.path.normpath(current)):
            return _STREAMS.index(found[1]) if found[1] else int(found[2])
        try:
            is_link = current.is_symlink()
        except PermissionError as error:
            raise not_permitted(error) from error
        if not is_link:
            break
        current = current.parent / current.readlink()
    return None
