"""What `kvsctl config show` and `kvsctl config targets` print, for people and for programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from kvsctl import __version__
from kvsctl.config.origins import Listed, Shown
from kvsctl.report.escape import visible
from kvsctl.report.schema import CONFIG_SCHEMA

_FILE: Final = "configuration file"


def settings_lines(
    path: Path, settings: Sequence[Shown], *, exists: bool, width: int | None = None
) -> list[str]:
    """Return a line for each setting, escaped for a terminal.

    Settings name the configuration file by its path, or by its name alone if a line would be wider
    than `width`: the first line has the path.
    """
    rows = [(one.name, _text(one.value), one.place or one.origin) for one in settings]
    if width is not None and max(map(len, _aligned(rows, len(_FILE)))) > width:
        begin = f"{path}:"
        rows = [
            (name, value, place.replace(begin, f"{path.name}:", 1)) for name, value, place in rows
        ]
    note = "" if exists else "  does not exist"
    return [f"{_FILE}  {visible(str(path))}{note}", *_aligned(rows, len(_FILE))]


def settings_document(path: Path, settings: Sequence[Shown], *, exists: bool) -> dict[str, Any]:
    """Return the settings as one JSON object."""
    return {
        **_head("config show", path, exists=exists),
        "settings": [one._asdict() | {"place": one.place or None} for one in settings],
    }


def targets_lines(targets: Sequence[Listed]) -> list[str]:
    """Return a line for each target, escaped for a terminal."""
    return _aligned([(one.name, one.what, one.place, ", ".join(one.notes)) for one in targets])


def targets_document(path: Path, targets: Sequence[Listed], *, exists: bool) -> dict[str, Any]:
    """Return the targets as one JSON object."""
    return {
        **_head("config targets", path, exists=exists),
        "targets": [one._asdict() for one in targets],
    }


def _head(command: str, path: Path, *, exists: bool) -> dict[str, Any]:
    return {
        "schema": CONFIG_SCHEMA,
        "version": __version__,
        "command": command,
        "file": str(path),
        "exists": exists,
    }


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _aligned(rows: Sequence[Sequence[str]], least: int = 0) -> list[str]:
    """Return the rows as lines. `least`: the least width of the first column."""
    shown = [[visible(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    widths[:1] = [max(least, *widths[:1])]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]
