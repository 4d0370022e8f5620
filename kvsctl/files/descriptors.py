"""Paths of descriptors that are already open: `/dev/stdout`, `/dev/fd/63`, `>(command)`."""

import os
import re
from pathlib import Path
from typing import Final

_DESCRIPTOR: Final = re.compile(r"/dev/(stdin|stdout|stderr)|/(?:dev|proc/self)/fd/([0-9]{1,9})")
_STREAMS: Final = ("stdin", "stdout", "stderr")
_MAX_LINKS: Final = 40
"""How many links the system follows before it reports a loop."""


def descriptor(path: Path) -> int | None:
    """Return the descriptor that a path, or a link, stands for; None for any other path.

    Never truncate or replace the file behind a descriptor: other processes may write to it too.
    """
    if os.name != "posix":
        return None
    current = path.absolute()
    for _ in range(_MAX_LINKS):
        if found := _DESCRIPTOR.fullmatch(os.path.normpath(current)):
            return _STREAMS.index(found[1]) if found[1] else int(found[2])
        if not current.is_symlink():
            break
        current = current.parent / current.readlink()
    return None
