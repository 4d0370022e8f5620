"""Paths of what the shell has opened already: `/dev/stdout`, `/dev/fd/63`, `>(command)`."""

import os
import re
from pathlib import Path
from typing import Final

_DESCRIPTOR: Final = re.compile(r"/dev/(stdin|stdout|stderr)|/(?:dev|proc/self)/fd/([0-9]{1,9})")
_STREAMS: Final = ("stdin", "stdout", "stderr")
_LINKS: Final = 40
"""How many links the system follows before it takes them for a circle."""


def descriptor(path: Path) -> int | None:
    """The descriptor that a path, or a link, stands for; None if it is any other file.

    What is behind it may be a file that others write too, before and after: so it is neither
    emptied nor replaced.
    """
    if os.name != "posix":
        return None
    place = path.absolute()
    for _ in range(_LINKS):
        if found := _DESCRIPTOR.fullmatch(os.path.normpath(place)):
            return _STREAMS.index(found[1]) if found[1] else int(found[2])
        if not place.is_symlink():
            break
        place = place.parent / place.readlink()
    return None


def lasting_path(path: Path) -> Path:
    """The file that a path leads to through links; the path itself if it is of a descriptor."""
    return path if descriptor(path) is not None else Path(os.path.realpath(path))
