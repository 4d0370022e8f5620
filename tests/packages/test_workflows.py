"""The workflows keep their schema, and give nobody more rights than they need."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

_ROOT: Final = Path(__file__).parents[2]
_FILES: Final = sorted((_ROOT / ".github/workflows").glob("*.yml"))
_RELEASE: Final[dict[Any, Any]] = yaml.safe_load(
    (_ROOT / ".github/workflows/release.yml").read_text("utf-8")
)
_JOBS: Final[dict[str, Any]] = _RELEASE["jobs"]


def _checked(name: str, *words: str) -> None:
    """Run a program of the `test` extra, which must find nothing."""
    path = Path(sys.executable).with_name(name)
    ended = subprocess.run([path, *words], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_both_are_here() -> None:
    assert [path.name for path in _FILES] == ["ci.yml", "release.yml"]


def test_each_keeps_the_schema_of_workflows() -> None:
    _checked("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *map(str, _FILES))


def test_an_attacker_finds_nothing() -> None:
    _checked("zizmor", "--offline", "--no-progress", *map(str, _FILES))


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit_with_their_version(path: Path) -> None:
    uses = re.findall(r"uses: (.*)", path.read_text("utf-8"))
    assert uses
    for one in {*uses} - {"./"}:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one), one


def test_a_release_is_built_once_and_what_was_built_is_tested_and_published() -> None:
    assert _RELEASE[True] == {"push": {"tags": ["v*"]}}
    assert {name: job.get("needs", []) for name, job in _JOBS.items()} == {
        "build": [],
        "test": "build",
        "publish": ["build", "test"],
        "release": "publish",
    }
    builds = [name for name, job in _JOBS.items() if "nox -s package" in str(job["steps"])]
    assert builds == ["build"]
    matrix = _JOBS["test"]["strategy"]["matrix"]
    assert matrix["python"] == ["3.11", "3.12", "3.13"]
    assert matrix["system"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    assert "KVSCTL_DIST" in str(_JOBS["test"]["steps"])


def test_only_who_publishes_may_write() -> None:
    assert _RELEASE["permissions"] == {}
    assert {name: job["permissions"] for name, job in _JOBS.items()} == {
        "build": {"contents": "read"},
        "test": {"contents": "read"},
        "publish": {"id-token": "write"},
        "release": {"contents": "write"},
    }
    assert "secrets." not in (_ROOT / ".github/workflows/release.yml").read_text("utf-8")
    assert _JOBS["publish"]["environment"] == "pypi"


def test_the_index_gets_the_distributions_with_attestations() -> None:
    *_, upload = _JOBS["publish"]["steps"]
    assert upload["uses"].startswith("pypa/gh-action-pypi-publish@")
    assert upload["with"] == {"packages-dir": "dist", "attestations": True}
