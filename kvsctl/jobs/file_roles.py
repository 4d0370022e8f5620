"""Refuse one file in two roles of a run, before any file is opened."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeAlias

from kvsctl.config.targets import Target
from kvsctl.errors import UsageError
from kvsctl.files.sinks import part_path

Place: TypeAlias = Path | int
"""A file, by its path or by the descriptor that the shell opened for it."""
Role: TypeAlias = tuple[str, Place | None]
"""What a file is in a run, and the file; None if the run has none."""

_READ: Final = ("input", "token file")
"""The roles of files that are only read."""


def require_one_role_each(roles: Iterable[Role]) -> None:
    """Raise UsageError if two roles name one file, even by different paths or descriptors.

    A file that is not regular (`/dev/null`, a pipe) can have any number of roles. An input can be
    given more than once, and targets can share a token file.
    """
    seen: list[tuple[str, Place]] = []
    for role, place in roles:
        if place is None or not _can_clash(place):
            continue
        for other_role, other in seen:
            if _same(place, other) and not (role == other_role and role in _READ):
                path = place if isinstance(place, Path) else other
                shown = path if isinstance(path, Path) else "one file"
                raise UsageError(
                    f"{shown} is {other_role} and {role} at once", "Use a different file for each."
                )
        seen.append((role, place))


def files_of(target: Target) -> list[Role]:
    """Return the files of a target: its database, and its token file."""
    return [*database_files(target.local_path), ("token file", target.token_file)]


def database_files(path: Path | None) -> list[Role]:
    """Return the database and the files that SQLite keeps beside it."""
    if path is None:
        return []
    return [("database", path.with_name(path.name + end)) for end in ("", "-wal", "-shm")]


def written_roles(role: str, path: Path) -> list[Role]:
    """Return the roles of a file that is written, and of its part beside it."""
    return [(role, path), (role, part_path(path))]


def _can_clash(place: Place) -> bool:
    try:
        return stat.S_ISREG(_status(place).st_mode)
    except OSError:
        return isinstance(place, Path)  # a file that does not exist yet


def _status(place: Place) -> os.stat_result:
    return os.fstat(place) if isinstance(place, int) else place.stat()


def _same(one: Place, other: Place) -> bool:
    try:
        return os.path.samestat(_status(one), _status(other))
    except OSError:
        if isinstance(one, int) or isinstance(other, int):
            return False
        return os.path.realpath(one) == os.path.realpath(other)
