"""CHANGELOG.md is a list that users can read, also after branches were merged."""

import re
from collections import Counter
from pathlib import Path
from typing import Final

_TEXT: Final = (Path(__file__).parents[2] / "CHANGELOG.md").read_text("utf-8")
_KINDS: Final = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


def _versions() -> dict[str, str]:
    """Return the text under the heading of each version."""
    _, *parts = re.split(r"^## (.+)$", _TEXT, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _entries(text: str) -> list[str]:
    """Return the items of all lists, each on one line."""
    items = re.findall(r"^- (.*(?:\n  .*)*)", text, re.MULTILINE)
    return [" ".join(item.split()) for item in items]


def test_what_is_not_released_comes_first() -> None:
    first, *_ = _versions()
    assert first == "Unreleased"


def test_each_version_has_each_kind_once_and_in_order() -> None:
    for version, text in _versions().items():
        kinds = [one for one in re.findall(r"^### (.+)$", text, re.MULTILINE) if one in _KINDS]
        assert kinds == sorted(set(kinds), key=_KINDS.index), version


def test_nothing_is_said_twice() -> None:
    lines = [line.strip() for line in _TEXT.splitlines()]
    counted = Counter(line for line in lines if len(line) > 50)
    assert [line for line, count in counted.items() if count > 1] == []


def test_each_subject_of_a_kind_has_one_list() -> None:
    for version, text in _versions().items():
        for part in re.split(r"^### ", text, flags=re.MULTILINE):
            subjects = re.findall(r"^\*\*(.+)\*\*$", part, re.MULTILINE)
            assert len(subjects) == len(set(subjects)), (version, part.partition("\n")[0])


def test_each_entry_is_made_of_sentences() -> None:
    entries = _entries(_TEXT)
    assert len(entries) > 50
    assert [one for one in entries if not one.endswith((".", ":"))] == []


def test_no_line_stands_outside_of_an_entry() -> None:
    """A merge may leave the second half of an entry after another one."""
    stray = re.findall(r"(?<=\.\n)  [a-z].*", _TEXT)
    assert stray == []
