"""Each error code is spelt in `kvsctl.codes`, and nowhere else outside the emulator."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import kvsctl
from kvsctl import codes

_NAMED = {
    name: value
    for name, value in vars(codes).items()
    if name.isupper() and name != "HTTP_5XX_PREFIX"
}
CODES: Final = sorted(_NAMED.values())
_TOP = Path(kvsctl.__file__).parent
_CODE_ARGUMENT = {"Breach": 0, "Failure": 0, "Fault": 1, "Problem": 3}
"""Where the code stands among the arguments of what is made with one."""


def test_a_code_is_named_as_it_is_spelt() -> None:
    assert _NAMED.keys() > {"INVALID_JSON", "KEY_NOT_FOUND", "HTTP_401"}
    assert [name for name, value in _NAMED.items() if name != value] == []


def test_the_code_of_a_status() -> None:
    assert codes.http_code(401) == codes.HTTP_401
    assert codes.http_code(503).startswith(codes.HTTP_5XX_PREFIX)


def test_no_other_module_spells_a_code() -> None:
    paths = [
        path
        for path in sorted(_TOP.rglob("*.py"))
        if _TOP / "emulator" not in path.parents and path != _TOP / "codes.py"
    ]
    assert len(paths) > 100
    assert [
        f"{path.relative_to(_TOP)}:{line}: {text}"
        for path in paths
        for line, text in _spelt(path.read_text("utf-8"))
    ] == []


def test_what_is_spelt_is_found() -> None:
    assert list(_spelt('x = {"MAX_SIZE": 1}')) == [(1, "MAX_SIZE")]
    assert list(_spelt('Failure("NEW", "why")')) == [(1, "NEW")]
    assert list(_spelt('x\nFault(kind, f"NEW_{n}", "why")')) == [(2, "f'NEW_{n}'")]
    assert list(_spelt('checks.Breach(code="NEW", message="why")')) == [(1, "NEW")]
    assert list(_spelt('"""MAX_SIZE says more."""\nBreach(codes.MAX_SIZE, "NEW")')) == []


def _spelt(text: str) -> Iterator[tuple[int, str]]:
    """The string literals that are a code, or stand where only a code can; "" says none."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and node.value in CODES:
            yield node.lineno, str(node.value)
        elif isinstance(node, ast.Call):
            for given in _code_arguments(node):
                if isinstance(given, ast.JoinedStr):
                    yield given.lineno, ast.unparse(given)
                elif isinstance(given, ast.Constant) and given.value not in {"", *CODES}:
                    yield given.lineno, str(given.value)


def _code_arguments(call: ast.Call) -> list[ast.expr]:
    name = ast.unparse(call.func).rpartition(".")[2]
    place = _CODE_ARGUMENT.get(name)
    if place is None:
        return []
    return [
        *call.args[place : place + 1],
        *(keyword.value for keyword in call.keywords if keyword.arg == "code"),
    ]
