"""Names of files that are never replaced, with the time and the installation of a job in them."""

import os
import re
import stat
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from kvsctl.config.targets import Target
from kvsctl.errors import UsageError

_ODD: Final = re.compile(r"[^A-Za-z0-9._-]")
_TIME: Final = "{date}"
_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_DATE: Final = "%Y%m%dT%H%M%SZ"


def named(path: Path, moment: datetime, target: Target) -> Path:
    """Return a path with `{date}` and `{installation}` in its name replaced.

    The date is the moment, to the second. `{installation}` becomes the installation, or else the
    name of the target; characters that not every file name can have become `_`. Raise UsageError
    for a path that does not end in a name, or that has another placeholder in it.
    """
    if not path.name or path.name == "..":
        raise UsageError(f"{path}: not a file name", "Give the name of a file.")
    require_known_places(path, ("date", "installation"))
    installation = name_in_files(target)
    name = path.name.replace(_TIME, moment.strftime(_DATE))
    return path.with_name(name.replace("{installation}", installation))


def has_time(path: Path) -> bool:
    """Return whether the name has the time of the run in it, so that the next run has another."""
    return _TIME in path.name


def require_known_places(path: Path, known: Sequence[str]) -> None:
    """Raise UsageError if the name has a word in braces that is not in `known`."""
    for word in _PLACE.findall(path.name):
        if word not in known:
            from kvsctl.config.nearest import hint_of  # only errors need it

            hint = hint_of(f"{{{word}}}", [f"{{{one}}}" for one in known])
            raise UsageError(f"{path}: unknown placeholder {{{word}}}", hint)


def name_in_files(target: Target) -> str:
    """Return what `{installation}` becomes: the installation, else the name of the target."""
    return _ODD.sub("_", target.installation or target.name)


def is_taken(path: Path) -> bool:
    """Return whether anything other than an empty regular file is at the path."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    except OSError:
        return os.path.lexists(path)
    return not stat.S_ISREG(found.st_mode) or found.st_size > 0


def require_new(path: Path, what: str, *, may_be_empty: bool = False) -> None:
    """Raise UsageError if there is a file at the path. `what` names it: `the plan`.

    `may_be_empty`: an empty regular file may be replaced.
    """
    if is_taken(path) if may_be_empty else os.path.lexists(path):
        raise UsageError(
            f"{what} {path} exists already",
            "Give another name: it is never replaced. {date} in a name becomes the time.",
        )
