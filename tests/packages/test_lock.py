"""The lock names a version of all that kvsctl needs, with hashes, and fits pyproject.toml."""

import re
import tomllib
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from packages.licences import required

_ROOT: Final = Path(__file__).parents[2]
_ENTRIES: Final = [
    entry
    for entry in re.split(r"\n(?=\S)", (_ROOT / "packages/requirements.lock").read_text("utf-8"))
    if not entry.startswith("#")
]
_LOCKED: Final = {
    canonicalize_name(one.name): one
    for one in (Requirement(entry.partition("\\")[0]) for entry in _ENTRIES)
}
_PROJECT: Final = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_all_that_is_needed_is_locked_and_nothing_else() -> None:
    assert sorted(_LOCKED) == sorted(required(""))


def test_what_is_locked_fits_what_is_required() -> None:
    for wanted in map(Requirement, _PROJECT["dependencies"]):
        (version,) = _LOCKED[canonicalize_name(wanted.name)].specifier
        assert version.operator == "=="
        assert wanted.specifier.contains(version.version), wanted.name


def test_every_file_is_known_by_its_hash() -> None:
    for entry in _ENTRIES:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry
