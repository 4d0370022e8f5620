"""Where the documentation is on this machine: the wheel ships it beside the man pages."""

import sys
from pathlib import Path
from typing import Final

import kvsctl

_INSTALLED: Final = "share/doc/kvsctl"


def documentation(name: str) -> str:
    """Return the path of a page of the documentation, such as `docs/clean-up.md`.

    It is that of the checkout if kvsctl runs from one, else that of the installation. Return the
    name if neither has the page.
    """
    checkout = Path(kvsctl.__file__).absolute().parents[1]
    folders = [checkout] if (checkout / "pyproject.toml").is_file() else []
    for folder in (*folders, Path(sys.prefix) / _INSTALLED):
        if (folder / name).is_file():
            return str(folder / name)
    return name
