"""Write docs/licences.md: the licence of each package that kvsctl, or its development, needs.

    python packages/licences.py

It reads the metadata of installed packages, so run it where the `dev` extra is installed. The test
`tests/packages/test_licences.py` compares the page with what is installed there.
"""

import re
from collections.abc import Iterator
from importlib import metadata
from itertools import product
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PAGE: Final = Path(__file__).parents[1] / "docs/licences.md"
GROUPS: Final = {
    "": "What `pip install kvsctl` installs",
    "dask": "What the extra `dask` adds",
    "dev": "What tests and development add",
}
"""The extras, each with the title of its part of the page. A part lists what earlier ones lack."""

ACCEPTED: Final = frozenset(
    {"Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CNRI-Python", "ISC", "MIT", "MIT-0"}
    | {"MPL-2.0", "PSF-2.0"}
)
"""The licences of what users install: they allow any use, in changed or closed programs, too."""

ACCEPTED_IN_TESTS: Final = ACCEPTED | {"GPL-3.0-only", "LGPL-3.0-only"}
"""The licences of what only tests and development run, and users never get."""

_NAMES: Final = {
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD License": "BSD",
    "GPL-3.0": "GPL-3.0-only",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_ELSEWHERE: Final = {"colorama": "BSD-3-Clause"}
"""Packages of other systems, whose metadata cannot be read here."""

_SYSTEMS: Final = [("linux", "Linux"), ("darwin", "Darwin"), ("win32", "Windows")]
_PYTHONS: Final = ["3.11", "3.12", "3.13"]
_HEAD: Final = """\
# Licences

kvsctl is under the [MIT licence](../LICENSE). It is installed with other packages, which are not
part of it and have licences of their own. This page names them by their
[SPDX](https://spdx.org/licenses/) identifiers; `BSD` alone means that the package does not say
which of the BSD licences it means. Each table covers all systems and Pythons: `colorama`, for
example, is installed on Windows only, and `backports-zstd` on Pythons before 3.14.

`python packages/licences.py` writes this page from the metadata of the packages. A test fails if
kvsctl needs a package that this page lacks, or whose licence is another, unknown or not accepted.
"""


def required(extra: str) -> set[str]:
    """Return the names of all packages that kvsctl with an extra needs, on any system and Python.

    The needs of a package that is not installed here are unknown, and left out.
    """
    found: set[str] = set()
    waiting = list(_needs("kvsctl", {extra}))
    while waiting:
        name, extras = waiting.pop()
        if name not in found and name != "kvsctl":
            found.add(name)
            waiting += _needs(name, extras)
        elif extras:
            waiting += [one for one in _needs(name, extras) if one[0] not in found]
    return found


def licence_of(name: str) -> str:
    """Return the licence that the metadata of a package declares, or "" if it declares none."""
    try:
        declared = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return _ELSEWHERE.get(name, "")
    for expression in declared.get_all("License-Expression") or []:
        return str(expression)
    for text in declared.get_all("License") or []:
        if _NAMES.get(text, text) in ACCEPTED_IN_TESTS:
            return str(_NAMES.get(text, text))
    classifiers = declared.get_all("Classifier") or []
    ends = [one.rpartition(" :: ")[2] for one in classifiers if one.startswith("License ::")]
    return ", ".join(sorted(_NAMES.get(one, one) for one in ends))


def terms(licence: str) -> set[str]:
    """Return the licences that an expression names."""
    return set(re.split(r"[ (),]+|\bAND\b|\bOR\b", licence)) - {""}


def tables(text: str) -> dict[str, dict[str, str]]:
    """Return the licence of each package in each part of the page."""
    parts = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    row = re.compile(r"^\| (?!package )([a-z0-9-]+) \| (.+?) \|$", re.MULTILINE)
    return {extra: dict(row.findall(parts.get(title, ""))) for extra, title in GROUPS.items()}


def page() -> str:
    """Return the text of the page for what is installed."""
    known: set[str] = set()
    text = _HEAD
    for extra, title in GROUPS.items():
        names = required(extra) - known
        known |= names
        rows = "".join(f"| {name} | {licence_of(name)} |\n" for name in sorted(names))
        text += f"\n## {title}\n\n| package | licence |\n|---|---|\n{rows}"
    return text


def _needs(name: str, extras: set[str]) -> Iterator[tuple[str, set[str]]]:
    """Yield the packages that a package with some extras needs itself, with their extras."""
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return
    for requirement in map(Requirement, lines):
        if any(_holds(requirement, extra) for extra in {"", *extras}):
            yield canonicalize_name(requirement.name), requirement.extras


def _holds(requirement: Requirement, extra: str) -> bool:
    """Return whether a requirement is valid on any system and Python that kvsctl supports."""
    if requirement.marker is None:
        return True
    return any(
        requirement.marker.evaluate(
            {
                "extra": extra,
                "sys_platform": platform,
                "platform_system": system,
                "os_name": "nt" if platform == "win32" else "posix",
                "python_version": python,
                "python_full_version": f"{python}.0",
            }
        )
        for (platform, system), python in product(_SYSTEMS, _PYTHONS)
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
