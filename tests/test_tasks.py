"""The tasks of contributors: noxfile.py, the workflow, the hooks and CONTRIBUTING.md agree."""

import ast
import re
from itertools import product
from pathlib import Path
from typing import Any, Final

import yaml

_ROOT: Final = Path(__file__).parents[1]
_NOXFILE: Final = ast.parse((_ROOT / "noxfile.py").read_text("utf-8"))
_WORKFLOW: Final[dict[str, Any]] = yaml.safe_load(
    (_ROOT / ".github/workflows/ci.yml").read_text("utf-8")
)
_JOBS: Final[dict[str, Any]] = _WORKFLOW["jobs"]
_PYPROJECT: Final = (_ROOT / "pyproject.toml").read_text("utf-8")


def _pythons() -> list[str]:
    """Return the versions of Python that noxfile.py runs the tests on."""
    (found,) = [
        ast.literal_eval(node.value)
        for node in _NOXFILE.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PYTHONS"
    ]
    return [str(version) for version in found]


def _sessions() -> set[str]:
    """Return the names that `nox -s` accepts, with and without a version."""
    functions = [node for node in _NOXFILE.body if isinstance(node, ast.FunctionDef)]
    decorated = {
        node.name: ast.unparse(node.decorator_list[0]) for node in functions if node.decorator_list
    }
    versioned = [name for name, text in decorated.items() if "python=PYTHONS" in text]
    return {*decorated, *(f"{name}-{python}" for name in versioned for python in _pythons())}


def _called(text: str) -> set[str]:
    """Return the sessions that a text asks nox for; what follows ` -- ` goes to the session."""
    calls = re.findall(r"\bnox -s ([^\n`]+)", text)
    return {name for call in calls for name in call.partition(" -- ")[0].split()}


def _runs(job: dict[str, Any]) -> set[str]:
    """Return the sessions that a job of the workflow runs, over its whole matrix."""
    commands = "\n".join(step["run"] for step in job["steps"] if "run" in step)
    matrix: dict[str, list[str]] = job["strategy"]["matrix"]
    called: set[str] = set()
    for values in product(*matrix.values()):
        text = commands
        for name, value in zip(matrix, values, strict=True):
            text = text.replace(f"${{{{ matrix.{name} }}}}", value)
        called |= _called(text)
    return called


def test_the_noxfile_has_a_session_for_each_task() -> None:
    assert _sessions() >= {"tests", "tests-3.13", "lint", "types", "imports", "package"}


def test_the_workflow_runs_every_session_and_no_other() -> None:
    called = set().union(*map(_runs, _JOBS.values()))
    by_hand = {"tests", "wheel", "quick", "lock"}  # the first two run by version
    assert called == _sessions() - by_hand


def test_the_same_pythons_are_named_everywhere() -> None:
    classified = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', _PYPROJECT)
    assert _JOBS["tests"]["strategy"]["matrix"]["python"] == _pythons() == classified
    assert _JOBS["wheel"]["strategy"]["matrix"]["python"] == classified
    assert f'requires-python = ">={_pythons()[0]}"' in _PYPROJECT


def test_the_tests_and_the_package_run_on_every_system() -> None:
    systems = ["ubuntu-latest", "macos-latest", "windows-latest"]
    for name in ("tests", "package"):
        assert _JOBS[name]["strategy"]["matrix"]["system"] == systems


def test_the_workflow_may_only_read() -> None:
    assert _WORKFLOW["permissions"] == {"contents": "read"}
    steps = [step for job in _JOBS.values() for step in job["steps"] if "uses" in step]
    assert len(steps) == 2 * len(_JOBS)
    for step in steps:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])
        is_checkout = step["uses"].startswith("actions/checkout@")
        assert step["with"].get("persist-credentials", True) is not is_checkout


def test_the_hooks_use_the_tools_that_are_installed() -> None:
    (source,) = yaml.safe_load((_ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    assert source["repo"] == "local"
    assert {hook["language"] for hook in source["hooks"]} == {"system"}
    tools = {hook["entry"].split()[0] for hook in source["hooks"]}
    assert tools == {"ruff", "mypy", "lint-imports"}


def test_contributing_names_every_session_and_no_other() -> None:
    text = (_ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert _called(text) <= _sessions()
    assert {name.partition("-")[0] for name in _called(text)} == {
        name.partition("-")[0] for name in _sessions()
    }


def test_calls_of_nox_are_found() -> None:
    assert _called("`nox -s lint types`, then\nnox -s tests-3.12 -- tests/bulk -n 0\n") == {
        "lint", "types", "tests-3.12",
    }  # fmt: skip
