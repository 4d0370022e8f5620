"""The commands that CONTRIBUTING.md and the pages on tests and benchmarks show can be given.

They are not run: they measure for minutes, or run the tests in which this one runs.
"""

import re
import shlex
import textwrap
import tomllib
from typing import Any, Final

import pytest

from kvsctl.bulk.plan import RunPlan
from kvsctl.model import Verb
from tests.e2e.documents.pages import ROOT, block, blocks
from tests.support.books import carry_out
from tests.support.commands.command import Command
from tests.support.records import record
from tests.support.simulated.model_service import THROTTLED, ModelService, Turn, in_turn

_BENCHMARKS: Final = "benchmarks/README.md"
_COMMON: Final = (ROOT / "benchmarks/result.py").read_text("utf-8")
"""What adds the options that every benchmark has."""
_TESTS: Final = "tests/README.md"
_PYTEST_OPTIONS: Final = {"-n", "-k", "-m", "-p"}
_PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def _lines(page: str) -> list[list[str]]:
    """Return the words of each line of the page's sh blocks, without comments."""
    texts = [line for one in blocks(page, "sh") for line in one.text.splitlines()]
    return [words for text in texts if (words := shlex.split(text, comments=True))]


def _benchmarks() -> list[list[str]]:
    """Return the script of each line that runs a benchmark, and what follows it."""
    found = []
    for words in _lines(_BENCHMARKS):
        scripts = [place for place, word in enumerate(words) if word.startswith("benchmarks/")]
        found += [words[place:] for place in scripts]
    return found


@pytest.mark.parametrize("words", _benchmarks(), ids=" ".join)
def test_the_benchmark_takes_these_options(words: list[str]) -> None:
    script, *given = words
    source = (ROOT / script).read_text("utf-8") + _COMMON
    options = [word for word in given if word.startswith("--")]
    assert [option for option in options if f'"{option}"' not in source] == []


def test_every_benchmark_is_described() -> None:
    scripts = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("benchmarks/*/run.py")}
    assert scripts == {script for script, *_ in _benchmarks()}


def test_the_tests_can_be_run_as_shown() -> None:
    """tests/README.md."""
    markers = [
        one.partition(":")[0] for one in _PROJECT["tool"]["pytest"]["ini_options"]["markers"]
    ]
    sources = "".join(
        (ROOT / name).read_text("utf-8")
        for name in ("tests/conftest.py", "tests/whole/test_machine.py")
    )
    for words in _lines(_TESTS):
        line = " ".join(words)
        for variable in re.findall(r"^(\w+)=", line):
            assert variable in sources
        for path in re.findall(r"\btests/\S+", line):
            assert (ROOT / path).exists()
        for marker in re.findall(r"-m not (\w+)", line):
            assert marker in markers
        assert {word for word in words if re.fullmatch("-[a-z]", word)} <= _PYTEST_OPTIONS | {"-s"}


def test_the_set_up_installs_what_the_hooks_need() -> None:
    """CONTRIBUTING.md: .ci/run installs the same extra, and tests/test_tasks.py reads the hooks."""
    script = block("CONTRIBUTING.md", "sh", "python3 -m venv .venv")
    [extra] = re.findall(r"'\.\[(\w+)\]'", script)
    extras = _PROJECT["project"]["optional-dependencies"]
    assert "pre-commit" in {re.split(r"[^\w-]", one)[0] for one in extras[extra]}
    assert f"'.[{extra}]'" in (ROOT / ".ci/run").read_text("utf-8")


def _function(text: str, names: dict[str, Any]) -> Any:
    """Return the test function that a block defines, beside names that it takes for granted."""
    exec(text, names)
    [found] = [one for name, one in names.items() if name.startswith("test_")]
    return found


def test_a_run_of_the_engine_is_tested_as_shown() -> None:
    script = block(_TESTS, "python", "service = ")
    body = textwrap.indent(script, "    ")
    names: dict[str, Any] = {
        "ModelService": ModelService, "in_turn": in_turn, "Turn": Turn, "THROTTLED": THROTTLED,
        "carry_out": carry_out, "RunPlan": RunPlan, "Verb": Verb, "record": record,
    }  # fmt: skip
    assert script.count("assert ") == 3
    _function(f"def test_shown():\n{body}", names)()


def test_a_command_is_tested_as_shown(kvsctl: Command) -> None:
    script = block(_TESTS, "python", "def test_reads_back")
    _function(script, {"Command": Command})(kvsctl)
    assert kvsctl("get", "-t", "local", "a", status=0).lines == [{"key": "a", "value": 1}]
