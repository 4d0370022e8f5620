"""architecture.md, CONTRIBUTING.md and tests/README.md name what exists."""

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

_ROOT: Final = Path(__file__).parents[1]
_PACKAGE: Final = _ROOT / "kvsctl"
_ARCHITECTURE: Final = (_ROOT / "docs/architecture.md").read_text("utf-8")
_MAPS: Final = ["docs/architecture.md", "CONTRIBUTING.md", "tests/README.md"]
_PATH: Final = r"`([\w.][\w./-]*(?:/|\.(?:py|md|toml|yml|yaml|jsonl)))`"


def _exists(name: str, page: str) -> bool:
    if any((folder / name).exists() for folder in (_ROOT, _PACKAGE, (_ROOT / page).parent)):
        return True
    return "/" not in name and any(_PACKAGE.rglob(name))


def _tree() -> set[str]:
    """Return the paths that the tree of the architecture names."""
    (block,) = re.findall(r"^## The tree\n\n```\n(.*?)^```", _ARCHITECTURE, re.M | re.S)
    return set(re.findall(r"^(\S+)", block, re.MULTILINE))


def _blocks(title: str) -> list[list[str]]:
    """Return the lines of each fenced block in a section."""
    (section,) = re.findall(rf"^## {title}\n(.*?)(?=^## )", _ARCHITECTURE, re.M | re.S)
    return [block.splitlines() for block in re.findall(r"^```\n(.*?)^```", section, re.M | re.S)]


def test_the_tree_names_every_package_and_what_it_names_exists() -> None:
    packages = {
        f"{path.parent.relative_to(_PACKAGE).as_posix()}/" for path in _PACKAGE.rglob("__init__.py")
    } - {"./"}
    modules = {path.name for path in _PACKAGE.glob("*.py")} - {"__init__.py"}
    assert packages | modules <= _tree()
    assert [name for name in _tree() if not (_PACKAGE / name).exists()] == []


def test_the_layers_are_those_of_the_contracts() -> None:
    settings = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    assert _blocks("Who may import what") == layers


def test_what_a_record_passes_exists() -> None:
    (diagram,) = _blocks("A record's way")
    names = re.findall(r"\b[a-z_]+/(?:[a-z_]+/)*(?:[a-z_]+\.py)?", "\n".join(diagram))
    assert len(names) > 20
    assert [name for name in names if not (_PACKAGE / name).exists()] == []


@pytest.mark.parametrize("page", _MAPS)
def test_every_file_that_is_named_exists(page: str) -> None:
    names = re.findall(_PATH, (_ROOT / page).read_text("utf-8"))
    assert len(names) > 10
    existing = {name for name in names if _exists(name, page)}
    placeholders = {name for name in names if re.search(r"\b(?:NAME|GROUP)\b", name)}
    assert sorted({*names} - existing - placeholders) == []


def test_what_decides_is_where_the_table_says() -> None:
    rows = re.findall(r"^\| .*? \| `(\S+\.py)` \| (.*) \|$", _ARCHITECTURE, re.MULTILINE)
    assert len(rows) > 15
    for path, answer in rows:
        (first, *_) = re.findall(r"`([A-Za-z_]+)`", answer) or [""]
        text = (_PACKAGE / path).read_text("utf-8")
        assert re.search(rf"\b(?:def|class) {first}\b|^{first}: Final", text, re.M), (path, first)


@pytest.mark.parametrize("page", _MAPS)
def test_every_test_and_function_that_is_named_exists(page: str) -> None:
    """What is called a test, or stands after `in` and before a path, is in the code."""
    text = " ".join((_ROOT / page).read_text("utf-8").split())
    code = "\n".join(path.read_text("utf-8") for path in (_ROOT / "tests").rglob("*.py"))
    tests = re.findall(r"`(test_\w+)`", text)
    assert [name for name in tests if f"def {name}(" not in code] == []
    for name, path in re.findall(r"`([A-Za-z_]+)` in `(\S+?\.py)`", text):
        texts = [
            (folder / path).read_text("utf-8")
            for folder in (_ROOT, _PACKAGE)
            if (folder / path).exists()
        ]
        assert any(re.search(rf"\b{name}\b", text) for text in texts), (name, path)
