"""Write the file of the bridge into the folder of an app, and remove it."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from kvsctl.bridge.function import (
    JAVASCRIPT,
    STEM,
    TYPESCRIPT,
    Owner,
    file_content,
    owner_of,
)
from kvsctl.errors import UsageError

_MANIFEST: Final = "manifest.yml"
_SOURCES: Final = "src"
_RESOLVED: Final = (".tsx", ".jsx", TYPESCRIPT, JAVASCRIPT, ".cjs")
"""The suffixes under which Forge looks for the file of a handler."""
_MOST_BYTES: Final = 1_000_000
"""No file of kvsctl is larger: a larger one is read only up to here."""


def init(folder: Path, suffix: str) -> Path:
    """Write the file with this suffix, and remove that of the other language. Return its path.

    An unchanged file of kvsctl is replaced. Raise UsageError, with nothing changed, if `folder` is
    not that of an app, if another file has the name, or if the file cannot be written.
    """
    _require_app(folder)
    own = _own_files(folder)
    path = folder / _SOURCES / (STEM + suffix)
    try:
        path.parent.mkdir(exist_ok=True)
        _write(path, file_content(suffix))
        for other in own:
            if other != path:
                other.unlink()
    except OSError as error:
        raise UsageError(f"cannot write to {path}: {error.strerror}") from error
    return path


def remove(folder: Path) -> list[Path]:
    """Remove the file of the bridge. Return the removed files.

    Raise UsageError, with nothing changed, if there is no such file, or if it was edited.
    """
    _require_app(folder)
    own = _own_files(folder)
    if not own:
        raise UsageError(
            f"{folder / _SOURCES} has no bridge", "Give the folder of the app that has one."
        )
    for path in own:
        try:
            path.unlink()
        except OSError as error:
            raise UsageError(f"cannot remove {path}: {error.strerror}") from error
    return own


def _require_app(folder: Path) -> None:
    if not (folder / _MANIFEST).is_file():
        raise UsageError(
            f"{folder} is not the folder of a Forge app: it has no {_MANIFEST}",
            "Run the command in the app's folder, or give the folder as DIR.",
        )


def _own_files(folder: Path) -> list[Path]:
    """Return the files of the bridge. Raise UsageError if another file has its name."""
    own = []
    for suffix in _RESOLVED:
        path = folder / _SOURCES / (STEM + suffix)
        owner = _owner(path)
        if owner is Owner.KVSCTL:
            own.append(path)
        elif owner is not None:
            why = "kvsctl did not write it" if owner is Owner.OTHERS else "it was edited"
            raise UsageError(
                f"{path} is in the way: {why}; nothing was changed",
                "Rename or delete it, then run the command again.",
            )
    return own


def _owner(path: Path) -> Owner | None:
    """Return the owner of a file; None if there is no file. Links and folders belong to others."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return Owner.OTHERS
        with path.open("rb") as file:
            return owner_of(file.read(_MOST_BYTES))
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise UsageError(
            f"{path.parent} is in the way: it is not a folder; nothing was changed",
            "Rename or delete it, then run the command again.",
        ) from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def _write(path: Path, content: bytes) -> None:
    """Write the whole file, or change nothing. A file of this name is kvsctl's, and is replaced."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("xb") as file:
            file.write(content)
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise
