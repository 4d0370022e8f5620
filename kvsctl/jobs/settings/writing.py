"""The new text of the configuration file, and how it replaces the old one."""

import json
import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from kvsctl.errors import StreamError
from kvsctl.files.durable import sync_file, sync_folder

BYTE_ORDER_MARK: Final = "\ufeff"
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def with_target(text: str, name: str, section: Mapping[str, str], *, is_default: bool) -> str:
    """Return the text of a configuration file with one more target, and everything else kept.

    `is_default`: make it the default; there must be none yet. New lines have the text's line ends.
    """
    end = "\r\n" if "\r\n" in text else "\n"
    lines = [f"[targets.{_key(name)}]", *(f"{key} = {_quoted(section[key])}" for key in section)]
    mark = BYTE_ORDER_MARK if text.startswith(BYTE_ORDER_MARK) else ""
    text = text.removeprefix(mark)
    before = f"default = {_quoted(name)}{end}" if is_default else ""
    between = "" if not text else end if text.endswith("\n") else end * 2
    gap = end if before and not text else ""
    return f"{mark}{before}{gap}{text}{between}" + end.join([*lines, ""])


def text_of(path: Path) -> str:
    """Return the text of a file with its line ends and byte order mark; "" if it does not exist.

    Raise StreamError if it cannot be read.
    """
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise StreamError(f"cannot read {path}: {error.strerror}") from None


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _quoted(name)


def _quoted(text: str) -> str:
    # What JSON escapes, TOML escapes in the same way; it allows no DEL, either.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically, keeping its mode and group. A link to it stays. Raise StreamError.

    A file that did not exist gets mode 600.
    """
    path = Path(os.path.realpath(path))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # its mode is 600
        try:
            with open(fd, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 - it is open
                file.write(text)
                file.flush()
                sync_file(file.fileno())
            _keep_access(path, Path(name))
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise StreamError(f"cannot write {path}: {error.strerror}") from None


def _keep_access(old: Path, new: Path) -> None:
    """Give a new file the mode and group of the old one; never more access than that gave."""
    try:
        had = old.stat()
    except FileNotFoundError:
        return
    mode = had.st_mode & 0o777
    if had.st_gid != new.stat().st_gid:
        try:
            os.chown(new, -1, had.st_gid)
        except OSError:
            mode &= 0o707
    new.chmod(mode)
