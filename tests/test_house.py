"""A long file, a long function or a crowded folder is a sign that a room is missing."""

import ast
import re
from pathlib import Path

import pytest

import kvsctl

_MOST_LINES = 400
_MOST_FUNCTION_LINES = 60
_MOST_MODULES = 15
_TOP = Path(kvsctl.__file__).parent
_TESTS = Path(__file__).parent


def test_no_file_and_no_function_is_long() -> None:
    files = sorted(_TOP.rglob("*.py"))
    assert _TOP / "__main__.py" in files
    assert [
        said
        for path in files
        for said in _too_long(path.relative_to(_TOP), path.read_text("utf-8"))
    ] == []


def test_what_is_long_is_found() -> None:
    body = "\n    pass" * _MOST_FUNCTION_LINES
    assert _too_long(Path("a.py"), "def f():" + body) == ["a.py: f has 61 lines"]
    assert _too_long(Path("a.py"), "class C:\n  async def g(self):" + body) == [
        "a.py: g has 61 lines"
    ]
    assert _too_long(Path("a.py"), "\n" * (_MOST_LINES + 1)) == ["a.py has 401 lines"]
    assert _too_long(Path("a.py"), "def f():" + body.removesuffix("\n    pass")) == []


def _folders() -> list[Path]:
    return sorted({path.parent for path in _TOP.rglob("*.py")})


def _modules(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("__"))


@pytest.mark.parametrize("folder", _folders(), ids=lambda path: str(path.relative_to(_TOP.parent)))
class TestFolders:
    def test_holds_few_modules(self, folder: Path) -> None:
        assert len(_modules(folder)) <= _MOST_MODULES

    def test_its_docstring_names_its_rooms(self, folder: Path) -> None:
        text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8"))) or ""
        packages = [path.parent.name for path in folder.glob("*/__init__.py")]
        assert [name for name in _modules(folder) + packages if f"`{name}`" not in text] == []


def test_no_file_of_tests_is_long() -> None:
    """A function may be: its parameters are its table of examples."""
    long = [path for path in _TESTS.rglob("*.py") if _lines(path) > _MOST_LINES]
    assert [path.relative_to(_TESTS).as_posix() for path in long] == []


def _lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def test_no_folder_of_tests_is_crowded() -> None:
    crowded = {path.parent for path in _TESTS.rglob("*.py")}
    assert [folder for folder in crowded if len(_modules(folder)) > _MOST_MODULES] == []


def test_no_test_sleeps() -> None:
    """Waiting for another process, without an event, has one place."""
    sleeping = "time." + "sleep("
    found = [path for path in _TESTS.rglob("*.py") if sleeping in path.read_text("utf-8")]
    assert found == [_TESTS / "support" / "waiting.py"]


def test_only_one_module_skips_tests() -> None:
    """The rules of skips, and what they are with CI=true, have one place."""
    skipping = ("importor" + "skip", "skip" + "if", "pytest." + "skip(", "unit" + "test.skip")
    found = {
        path.relative_to(_TESTS).as_posix()
        for path in _TESTS.rglob("*.py")
        if any(word in path.read_text("utf-8") for word in skipping)
    }
    assert found == {"support/needs.py"}


def _too_long(path: Path, text: str) -> list[str]:
    lines = len(text.splitlines())
    said = [f"{path} has {lines} lines"] if lines > _MOST_LINES else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > _MOST_FUNCTION_LINES:
                said.append(f"{path}: {node.name} has {lines} lines")
    return said


def test_a_count_with_its_noun_is_spelt_in_one_place() -> None:
    """A sentence whose verb depends on the count may spell it: `1 key is`."""
    spelt = re.compile(r'"1 (\w+)" if .* else f"\{[^}]*\} \1s"')
    found = [path for path in _TOP.rglob("*.py") if spelt.search(path.read_text("utf-8"))]
    assert found == []
