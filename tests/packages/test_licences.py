"""docs/licences.md names every package that kvsctl needs, and no licence is unknown."""

from importlib import metadata
from pathlib import Path
from typing import Final

import pytest

from packages.licences import (
    ACCEPTED,
    ACCEPTED_IN_TESTS,
    GROUPS,
    PAGE,
    licence_of,
    required,
    tables,
    terms,
)

_TABLES: Final = tables(PAGE.read_text("utf-8"))
_SHIPPED: Final = _TABLES[""] | _TABLES["dask"]


def _is_here(name: str) -> bool:
    return any(metadata.distributions(name=name))


def _alike(licence: str) -> set[str]:
    """Return the licences of an expression. A package may say later which BSD licence it means."""
    return {"BSD" if one.startswith("BSD-") else one for one in terms(licence)}


def test_the_page_has_every_group() -> None:
    assert [len(table) > 10 for table in _TABLES.values()] == [True] * len(GROUPS)


@pytest.mark.parametrize("extra", ["", "dask"])
def test_every_package_that_users_install_is_listed(extra: str) -> None:
    needed = required(extra)
    assert len(needed) > 20
    assert sorted(needed - _SHIPPED.keys()) == [], "new: run python packages/licences.py"


def test_what_is_listed_is_needed() -> None:
    """What other systems or Pythons need is not installed here, and what needs it is not known."""
    listed = {name for name in _SHIPPED if _is_here(name)}
    assert len(listed) > 30
    assert sorted(listed - required("") - required("dask")) == []


@pytest.mark.parametrize("name", sorted(_SHIPPED))
def test_what_users_install_has_the_licence_that_is_listed(name: str) -> None:
    assert terms(_SHIPPED[name]), "its licence is unknown"
    assert terms(_SHIPPED[name]) <= ACCEPTED
    if _is_here(name):
        assert _alike(licence_of(name)) == _alike(_SHIPPED[name])


def test_the_licences_of_what_tests_need_are_known() -> None:
    """A new one need not be listed at once: users never get it."""
    licences = {name: terms(licence_of(name)) for name in required("test") if _is_here(name)}
    assert len(licences) > len(_SHIPPED)
    assert [name for name, known in licences.items() if not known] == []
    assert [name for name, known in licences.items() if not known <= ACCEPTED_IN_TESTS] == []


def _put(folder: Path, name: str, lines: str) -> None:
    """Install a package that has nothing but metadata."""
    place = folder / f"{name.replace('-', '_')}-1.dist-info"
    place.mkdir()
    head = f"Metadata-Version: 2.4\nName: {name}\nVersion: 1\n"
    (place / "METADATA").write_text(f"{head}{lines}\n")


def test_what_is_declared_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, lines in {
        "one": "License-Expression: MIT OR (Apache-2.0 AND ISC)",
        "two": "License: MIT License",
        "three": "License: see LICENSE\nClassifier: License :: OSI Approved :: BSD License",
        "four": "License: Proprietary",
        "five": "License-Expression: GPL-3.0-or-later",
    }.items():
        _put(tmp_path, name, lines)
    monkeypatch.syspath_prepend(tmp_path)
    found = [terms(licence_of(name)) for name in ("one", "two", "three", "four", "five")]
    assert found == [{"MIT", "Apache-2.0", "ISC"}, {"MIT"}, {"BSD"}, set(), {"GPL-3.0-or-later"}]
    assert not found[4] & ACCEPTED_IN_TESTS


def test_needs_are_followed_on_every_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, needs in {
        "kvsctl": ["first", "windows-only; sys_platform == 'win32'", "more[x]; extra == 'dask'"],
        "first": ["Second.Name", "never; python_version < '3.9'"],
        "more": ["third; extra == 'x'", "fourth; extra == 'y'"],
        "second-name": ["first"],
    }.items():
        _put(tmp_path, name, "\n".join(f"Requires-Dist: {one}" for one in needs))
    monkeypatch.syspath_prepend(tmp_path)
    assert required("") == {"first", "second-name", "windows-only"}
    assert required("dask") == {"first", "second-name", "windows-only", "more", "third"}
