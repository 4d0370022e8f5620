"""The notes of a release are what the changelog says of it."""

import re
from pathlib import Path
from typing import Final

import pytest

import kvsctl
from packages.notes import main, notes, version

_HOME: Final = Path(kvsctl.__file__)
_REAL: Final = (Path(__file__).parents[2] / "CHANGELOG.md").read_text("utf-8")
_CHANGELOG: Final = """# Changelog

## Unreleased

## 1.1.0 - not yet released

- Later.

## 1.0.0 - 2026-11-28

### Added

- This.

## 0.9.0 - 2026-01-01

- That.
"""


def test_a_section_ends_where_the_next_begins() -> None:
    assert notes("v1.0.0", _CHANGELOG) == "### Added\n\n- This.\n"
    assert notes("v0.9.0", _CHANGELOG) == "- That.\n"


@pytest.mark.parametrize(
    ("tag", "error"),
    [
        ("v1.1.0", '1.1.0 has no date, but "not yet released"'),
        ("v1.2.0", "no section"),
        ("1.0.0", "no section"),
        ("vUnreleased", "no date"),
    ],
)
def test_what_is_not_a_dated_release_is_refused(tag: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        notes(tag, _CHANGELOG)


def test_the_version_has_one_home() -> None:
    assert version(_HOME) == kvsctl.__version__


def test_the_changelog_has_a_section_for_the_version_and_what_is_not_in_it() -> None:
    titles = re.findall(r"^## (.+)$", _REAL, re.MULTILINE)
    assert titles[0] == "Unreleased"
    assert titles[1].startswith(f"{kvsctl.__version__} - ")
    dated = _REAL.replace(titles[1], f"{kvsctl.__version__} - 2026-11-28")
    text = notes(f"v{kvsctl.__version__}", dated)
    assert "### Added" in text
    assert "### What is not in 0.1.0" in _REAL


def test_a_tag_of_another_version_is_refused() -> None:
    with pytest.raises(SystemExit, match=r'the tag is "v0.0.1", but the version is \d'):
        main("v0.0.1", _HOME)
