"""Print the section of CHANGELOG.md on a version, as the notes of its release.

    python packages/notes.py v1.2.3

It ends with an error if that is not the version of the package, or if the changelog does not give
its release date.
"""

import re
import sys
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[1]
_HOME: Final = _ROOT / "kvsctl/__init__.py"
_SECTION: Final = re.compile(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def version(home: Path = _HOME) -> str:
    """Return the version in the package's `__init__.py`, the only place that states it."""
    (found,) = re.findall(r'^__version__ = "(.+)"$', home.read_text("utf-8"), re.MULTILINE)
    return str(found)


def notes(tag: str, changelog: str) -> str:
    """Return the section of a tag. Raise ValueError if there is none, or if it has no date."""
    for title, text in _SECTION.findall(changelog):
        name, _, day = title.partition(" - ")
        if f"v{name}" != tag:
            continue
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", day):
            raise ValueError(f'CHANGELOG.md: {name} has no date, but "{day}"')
        return f"{text.strip()}\n"
    raise ValueError(f'CHANGELOG.md: no section for the tag "{tag}"')


def main(tag: str, home: Path = _HOME) -> None:
    """Print the notes of a tag, or end with an error."""
    try:
        if tag != f"v{version(home)}":
            raise ValueError(f'the tag is "{tag}", but the version is {version(home)}')
        sys.stdout.write(notes(tag, (_ROOT / "CHANGELOG.md").read_text("utf-8")))
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) == 2 else "")
