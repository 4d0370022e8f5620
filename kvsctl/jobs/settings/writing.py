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

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def with_target(text: str, name: str, section: Mapping[str, str], *, is_default: bool) -> str:
    """Return the text of a configuration file with one more target, and all that was in it.

    `is_default`: it must have no default yet.
    """
    lines = [f"[targets.{_key(name)}]", *(f"{key} = {_quoted(section[key])}" for key in section)]
    before = f"default = {_quoted(name)}\n" if is_default else ""
    between = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    gap = "\n" if before and not text else ""
    return f"{before}{gap}{text}{between}" + "\n".join([*lines, ""])


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _quoted(name)


def _quoted(text: str) -> str:
    # What JSON escapes, TOML escapes in the same way; it allows no DEL, either.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def write_private(path: Path, text: str) -> None:
    """Replace a file at once, by one of mode 600. A link to it stays. Raise StreamError."""
    path = Path(os.path.realpath(path))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # its mode is 600
        try:
            with open(fd, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123 - it is open
                file.write(text)
                file.flush()
                sync_file(file.fileno())
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise StreamError(f"cannot write {path}: {error.strerror}") from None
