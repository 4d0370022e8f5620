"""A file may have one role in a run: the same file twice is refused before any is opened."""

import os
from collections.abc import Iterable
from pathlib import Path

from kvsctl.errors import UsageError


def require_one_role_each(roles: Iterable[tuple[str, Path | None]]) -> None:
    """Raises UsageError if two roles name one file, under whatever path. None and `-` are none.

    Device files (`/dev/null`) may have any number of roles.
    """
    seen: list[tuple[str, Path]] = []
    for role, path in roles:
        if path is None or str(path) == "-" or _is_device(path):
            continue
        for other_role, other in seen:
            if _same(path, other) and not (role == other_role == "input"):
                raise UsageError(
                    f"{path} is {other_role} and {role} at once", "Give each its own file."
                )
        seen.append((role, path))


def _is_device(path: Path) -> bool:
    return path.is_char_device() or path.is_fifo() or path.is_block_device()


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)
