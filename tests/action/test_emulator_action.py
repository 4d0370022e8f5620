"""The GitHub Action that starts the emulator: its steps as commands, its linters, its example."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import pytest
import yaml

import kvsctl
from tests.containers.image import tool
from tests.e2e.documents.pages import block
from tests.support.commands.command import KVSCTL
from tests.support.needs import IS_POSIX, only_on
from tests.support.waiting import wait_until

_ROOT: Final = Path(__file__).parents[2]
_FILE: Final = _ROOT / ".github" / "actions" / "emulator" / "action.yml"
_ACTION: Final[dict[str, Any]] = yaml.safe_load(_FILE.read_text("utf-8"))
_INSTALL, _START = _ACTION["runs"]["steps"]
pytestmark = only_on(IS_POSIX, "the steps are run by bash")


class Step(NamedTuple):
    """How a step ended, and what it left to later steps."""

    status: int
    output: str
    outputs: dict[str, str]
    paths: list[str]


class Job:
    """A job: the folder of its temporary files, and the processes that its steps left running."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.action = _FILE.parent
        self.started: list[int] = []

    def run(self, step: dict[str, Any], **inputs: str) -> Step:
        """Run a step of the action by its own shell, as the runner does."""
        assert step["shell"] == "bash"
        given = {name: one["default"] for name, one in _ACTION["inputs"].items()} | inputs
        assert given.keys() == _ACTION["inputs"].keys()
        own = {name: _filled(text, given) for name, text in step["env"].items()}
        output, path = self.folder / "output", self.folder / "path"
        for file in (output, path):
            file.write_text("")
        runner = {
            "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_PATH": str(path),
            "RUNNER_TEMP": str(self.folder),
            "PIP_NO_COMPILE": "1",  # half the time
            "PATH": f"{KVSCTL.parent}{os.pathsep}{os.environ['PATH']}",
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder,
            env=os.environ | runner | own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
        )
        outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
        if "pid" in outputs:
            self.started.append(int(outputs["pid"]))
        return Step(done.returncode, done.stdout, outputs, path.read_text().splitlines())


def _filled(text: str, inputs: dict[str, str]) -> str:
    return re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: inputs[found[1]], text)


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    """Return a job, whose processes end with it."""
    made = Job(tmp_path)
    yield made
    for pid in made.started:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _is_silent(url: str) -> bool:
    try:
        httpx.get(url)
    except httpx.TransportError:
        return True
    return False


def test_it_starts_an_emulator_that_later_steps_reach(job: Job, tmp_path: Path) -> None:
    (tmp_path / "a b.jsonl").write_text('{"key":"a","value":1}\n')
    (tmp_path / "c.jsonl").write_text('{"key":"c","value":3}\n')
    entity = "{ name: abc, attributes: { n: { type: integer } } }"
    (tmp_path / "manifest.yml").write_text(f"app: {{ storage: {{ entities: [{entity}] }} }}\n")
    step = job.run(
        _START,
        version="installed",
        seed="a b.jsonl\n\n c.jsonl\n",
        manifest="manifest.yml",
        args="--verbose --token 'default=a token'",
    )
    assert step.status == 0, step.output
    url = step.outputs["url"]
    assert step.output == f"The emulator serves {url}\n"
    headers = {"authorization": "Bearer a token"}
    page = httpx.post(f"{url}/v1/query", json={}, headers=headers).json()
    assert [one["key"] for one in page["data"]] == ["a", "c"]
    wrong = {"entityName": "abc", "key": "k", "value": {"n": "x"}}
    refused = httpx.post(f"{url}/v1/entity/set", json=wrong, headers=headers)
    assert refused.json()["code"] == "INCORRECT_PROPERTY_TYPE"
    assert "POST /v1/query 200" in Path(step.outputs["log"]).read_text()
    os.kill(int(step.outputs["pid"]), signal.SIGTERM)
    wait_until(lambda: _is_silent(url))


def test_a_job_can_start_several(job: Job) -> None:
    first, second = (job.run(_START, version="installed") for _ in range(2))
    assert first.outputs["url"] != second.outputs["url"]
    assert first.outputs["log"] != second.outputs["log"]
    for step in (first, second):
        assert httpx.get(f"{step.outputs['url']}/health").status_code == 200


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        ({"seed": "none.jsonl"}, "cannot read none.jsonl: no such file or directory"),
        ({"args": "'"}, "args: No closing quotation"),
        ({"args": "--no-such"}, "--no-such"),
        ({"args": "--help"}, "in place of its URL"),
        ({"port": "x; touch injected"}, '"x; touch injected"'),
    ],
)
def test_what_fails_is_shown_as_an_error(job: Job, inputs: dict[str, str], why: str) -> None:
    step = job.run(_START, version="installed", **inputs)
    assert step.status == 1
    assert step.output.startswith("::error title=kvsctl emulator::")
    assert why in step.output
    assert step.outputs == {}
    assert not (job.folder / "injected").exists()


@pytest.mark.slow
def test_it_installs_its_own_version(job: Job, tmp_path: Path) -> None:
    if not (_ROOT / "kvsctl" / "__init__.py").exists():  # the tests of the wheel remove it
        job.action = _whole_checkout(tmp_path / "checkout") / _FILE.parent.relative_to(_ROOT)
    installed = job.run(_INSTALL)
    assert installed.status == 0, installed.output
    (programs,) = installed.paths
    version = subprocess.run([f"{programs}/kvsctl", "--version"], capture_output=True, check=True)
    assert version.stdout.decode() == f"kvsctl {kvsctl.__version__}\n"
    started = job.run(_START)
    assert started.status == 0, started.output
    process = Path(f"/proc/{started.outputs['pid']}/cmdline")
    if process.exists():
        assert str(programs).encode() in process.read_bytes()
    assert httpx.get(f"{started.outputs['url']}/health").status_code == 200


def _whole_checkout(folder: Path) -> Path:
    """Return a copy of the checkout from which pip can install kvsctl."""
    shutil.copytree(_ROOT, folder, ignore=shutil.ignore_patterns(".git", ".nox", ".venv"))
    shutil.copy(kvsctl.__file__, folder / "kvsctl")
    return folder


def test_it_takes_what_the_job_has_installed(job: Job) -> None:
    step = job.run(_INSTALL, version="installed")
    assert (step.status, step.output, step.paths) == (0, "", [])


def _checked(file: Path) -> int:
    words = [tool("check-jsonschema"), "--builtin-schema", "vendor.github-actions", str(file)]
    return subprocess.run(words, capture_output=True, check=False).returncode


def test_it_fits_the_schema_of_actions(tmp_path: Path) -> None:
    assert _checked(_FILE) == 0
    wrong = tmp_path / "action.yml"
    wrong.write_text(_FILE.read_text("utf-8").replace("using: composite", "using: compose"))
    assert _checked(wrong) == 1


def test_zizmor_finds_nothing_unsafe(tmp_path: Path) -> None:
    words = [tool("zizmor"), "--offline", "--no-progress"]
    done = subprocess.run([*words, str(_FILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    # It would find an input that becomes a part of a command.
    unsafe = tmp_path / "action.yml"
    unsafe.write_text(_FILE.read_text("utf-8").replace('emulator.py" start', "${{ inputs.args }}"))
    done = subprocess.run([*words, str(unsafe)], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "template-injection" in done.stdout


def test_the_example_of_the_page_uses_what_there_is() -> None:
    steps = yaml.safe_load(block("docs/emulator.md", "yaml", "- "))
    (used,) = [step for step in steps if "actions/emulator" in step.get("uses", "")]
    path = used["uses"].partition("kvsctl/")[2].partition("@")[0]
    assert (_ROOT / path / "action.yml").samefile(_FILE)
    assert set(used["with"]) <= set(_ACTION["inputs"])
    named = re.findall(rf"steps\.{used['id']}\.outputs\.(\w+)", str(steps))
    assert named
    assert set(named) <= set(_ACTION["outputs"])


def test_the_page_names_every_input_and_output() -> None:
    page = (_ROOT / "docs" / "emulator.md").read_text("utf-8")
    section = page.partition("\n## In GitHub Actions\n")[2].partition("\n## ")[0]
    named = [*_ACTION["inputs"], *_ACTION["outputs"]]
    assert len(named) == 8
    assert [name for name in named if f"`{name}`" not in section] == []


def test_it_needs_only_the_standard_library() -> None:
    script = _FILE.with_name("emulator.py").read_text("utf-8")
    imported = re.findall(r"^(?:import|from) (\w+)", script, re.MULTILINE)
    assert set(imported) <= sys.stdlib_module_names
