"""The scheduled jobs in examples/, run as cron, systemd and Kubernetes would run them.

What is not here is replaced: the path of the command, the folders of the machine, the target.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any, Final

import pytest
import yaml

from kvsctl.emulator import embedded
from tests.support.commands.command import KVSCTL, Command, Ended
from tests.support.commands.pinged import Pinged
from tests.support.commands.server import served
from tests.support.needs import IS_POSIX, only_on

_EXAMPLES: Final = Path(__file__).parents[3] / "examples/scheduled"
_KEYS: Final = [f"k{n}" for n in range(40)]
_INSTALLED: Final = "/usr/local/bin"
_TOKEN: Final = "a-token"

pytestmark = only_on(IS_POSIX, "the examples are for POSIX systems")


@dataclass
class Machine:
    """A machine with a folder, a target `prod` with the keys in it, and a monitoring service.

    The target has a store without a token, and one for `_TOKEN`.
    """

    folder: Path
    url: str
    ping_url: str
    pinged: Pinged = field(repr=False)
    command: Command = field(repr=False)

    @property
    def config(self) -> Path:
        return self.folder / ".config/kvsctl/config.toml"

    def left(self, token: str = "") -> list[str]:
        """The keys that are in the store that a token opens."""
        command = self.command.having(KVSCTL_TOKEN=token) if token else self.command
        ended = command("get", "-q", "--url", self.url, "--ignore-missing", *_KEYS, status=0)
        return [line["key"] for line in ended.lines]

    def run(self, words: list[str], environ: Mapping[str, str], folder: Path) -> Ended:
        """Run words with these variables only."""
        done = subprocess.run(
            words, env=dict(environ), cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert b"Traceback" not in done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def machine(kvsctl: Command, tmp_path: Path) -> Iterator[Machine]:
    folder = tmp_path / "machine"
    app = Pinged()
    with served(embedded(tmp_path / "served.db")) as url, served(app) as ping_url:
        for one in (kvsctl, kvsctl.having(KVSCTL_TOKEN=_TOKEN)):
            one("set", "-q", "--url", url, *(f"{key}=1" for key in _KEYS), status=0)
        machine = Machine(folder, url, ping_url, app, kvsctl)
        machine.config.parent.mkdir(parents=True)
        machine.config.write_text(f'[targets.prod]\nurl = "{url}"\nprotected = true\n')
        yield machine


class TestTheCrontab:
    @pytest.fixture
    def home(self, machine: Machine) -> Path:
        (machine.folder / "kvsctl").mkdir()
        (machine.folder / "kvsctl/keys.txt").write_text("".join(f"{key}\n" for key in _KEYS))
        return machine.folder

    @staticmethod
    def _parsed() -> tuple[dict[str, str], str, str]:
        """Return the variables, the time and the command of the only job, as cron reads them."""
        lines = [
            line
            for line in (_EXAMPLES / "crontab").read_text().splitlines()
            if line and not line.startswith("#")
        ]
        variables = dict(line.split("=", 1) for line in lines[:-1])
        *fields, command = lines[-1].split(" ", 5)
        assert re.search(r"(?<!\\)%", command) is None, "cron ends the command there"
        assert all(re.fullmatch(r"[0-9*/,-]+", one) for one in fields)
        return variables, " ".join(fields), command

    def _run(self, machine: Machine, home: Path, **more: str) -> Ended:
        variables, _, command = self._parsed()
        assert variables["PATH"].split(":")[0] == _INSTALLED
        # What cron sets, and nothing else: `env -i`.
        environ = {"HOME": str(home), "LOGNAME": "me", "SHELL": "/bin/sh"} | variables
        environ["PATH"] = f"{KVSCTL.parent}:{variables['PATH']}"
        environ["KVSCTL_PING_URL"] = f"{machine.ping_url}/uuid"
        return machine.run(["/bin/sh", "-c", command], environ | more, home)

    def test_is_quiet_logs_a_line_of_json_and_signals_its_end(
        self, machine: Machine, home: Path
    ) -> None:
        for _ in range(2):
            ended = self._run(machine, home)
            assert (ended.status, ended.out, ended.err) == (0, b"", b"")
        log = [json.loads(line) for line in (home / "kvsctl/cleanup.log").read_text().splitlines()]
        assert [(one["command"], one["succeeded"]) for one in log] == [("delete", len(_KEYS))] * 2
        assert machine.pinged.paths == ["/uuid/start", "/uuid/0"] * 2
        assert machine.left() == []
        assert (home / "kvsctl/cleanup.lock").read_bytes() == b""

    def test_says_what_went_wrong_so_that_cron_mails_it(self, machine: Machine, home: Path) -> None:
        (home / "kvsctl/keys.txt").unlink()
        ended = self._run(machine, home)
        assert (ended.status, ended.out) == (2, b"")
        assert b"cannot read keys.txt" in ended.err
        assert machine.pinged.paths[-1] == "/uuid/2"

    def test_without_its_target_deletes_nothing_anywhere(
        self, machine: Machine, home: Path
    ) -> None:
        machine.config.unlink()
        ended = self._run(machine, home)
        assert ended.status == 2
        assert b'unknown target "prod"' in ended.err
        assert not (home / ".local").exists()
        assert len(machine.left()) == len(_KEYS)


class TestTheUnits:
    @pytest.fixture
    def units(self, tmp_path: Path) -> Path:
        """The units, with the path of the command that is installed here."""
        folder = tmp_path / "units"
        folder.mkdir()
        for path in _EXAMPLES.glob("kvsctl-cleanup.*"):
            text = path.read_text().replace(f"{_INSTALLED}/kvsctl", str(KVSCTL))
            (folder / path.name).write_text(text)
        return folder

    @staticmethod
    def _parsed(path: Path) -> ConfigParser:
        parser = ConfigParser(interpolation=None, comment_prefixes=("#",), delimiters=("=",))
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(path.read_text("utf-8"))
        return parser

    @only_on(shutil.which("systemd-analyze") is not None, "this system has no systemd")
    def test_are_verified_by_systemd(self, units: Path) -> None:
        names = sorted(str(path) for path in units.iterdir())
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", *names], capture_output=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    def test_run_the_command_with_what_they_set(self, machine: Machine, units: Path) -> None:
        service = self._parsed(units / "kvsctl-cleanup.service")["Service"]
        state, credentials = machine.folder / "state", machine.folder / "credentials"
        state.mkdir()
        credentials.mkdir()
        (state / "keys.txt").write_text("".join(f"{key}\n" for key in _KEYS))
        (credentials / "token").write_text(f"{_TOKEN}\n")
        environ = dict(one.split("=", 1) for one in shlex.split(service["Environment"]))
        environ["KVSCTL_CONFIG"] = str(machine.config)
        environ["KVSCTL_PING_URL"] = f"{machine.ping_url}/uuid"
        environ["CREDENTIALS_DIRECTORY"] = str(credentials)
        words = [Template(word).substitute(environ) for word in shlex.split(service["ExecStart"])]
        ended = machine.run(words, environ, state)
        assert (ended.status, ended.err) == (0, b"")
        assert ended.report["succeeded"] == len(_KEYS)
        assert machine.pinged.paths == ["/uuid/start", "/uuid/0"]
        assert machine.left(_TOKEN) == []
        assert service["SuccessExitStatus"] == "75"

    def test_the_timer_starts_the_service_at_a_time(self, units: Path) -> None:
        timer = self._parsed(units / "kvsctl-cleanup.timer")
        assert (units / "kvsctl-cleanup.timer").with_suffix(".service").exists()
        assert re.fullmatch(r"\*-\*-\* \d\d:\d\d:\d\d", timer["Timer"]["OnCalendar"])
        assert timer["Install"]["WantedBy"] == "timers.target"


class TestTheCronJob:
    @staticmethod
    def _manifest() -> dict[str, Any]:
        manifest: dict[str, Any] = yaml.safe_load((_EXAMPLES / "cronjob.yaml").read_text())
        return manifest

    def test_its_pods_run_the_command_and_share_the_keys(self, machine: Machine) -> None:
        manifest = self._manifest()
        assert (manifest["apiVersion"], manifest["kind"]) == ("batch/v1", "CronJob")
        assert manifest["spec"]["concurrencyPolicy"] == "Forbid"
        job = manifest["spec"]["jobTemplate"]["spec"]
        pod = job["template"]["spec"]
        [container] = pod["containers"]
        mounted = {one["name"] for one in container["volumeMounts"]}
        assert mounted == {one["name"] for one in pod["volumes"]}
        keys = machine.folder / "keys.txt"
        keys.write_text("".join(f"{key}\n" for key in _KEYS))
        secrets = {"token": _TOKEN, "ping-url": f"{machine.ping_url}/key"}
        environ = {
            one["name"]: one["value"]
            if "value" in one
            else secrets[one["valueFrom"]["secretKeyRef"]["key"]]
            for one in container["env"]
        }
        environ |= {"PATH": f"{KVSCTL.parent}:{os.environ['PATH']}"}
        environ["KVSCTL_CONFIG"] = str(machine.config)
        words = [word.replace("/keys/keys.txt", str(keys)) for word in container["command"]]
        deleted = 0
        for index in range(job["completions"]):
            pod_environ = environ | {"JOB_COMPLETION_INDEX": str(index)}
            ended = machine.run(words, pod_environ, machine.folder)
            assert (ended.status, ended.out) == (0, b"")
            last = json.loads(ended.err.splitlines()[-1])
            assert last["report"]["shard"] == f"{index + 1}/{job['completions']}"
            deleted += last["report"]["succeeded"]
            check = f"/key/cleanup-{index}"
            assert machine.pinged.paths[-2:] == [f"{check}/start", f"{check}/0"]
            assert _TOKEN not in ended.err.decode()
        assert deleted == len(_KEYS)
        assert machine.left(_TOKEN) == []

    def test_attempts_again_only_what_another_attempt_may_cure(self) -> None:
        job = self._manifest()["spec"]["jobTemplate"]["spec"]
        [rule] = job["podFailurePolicy"]["rules"]
        assert (rule["action"], job["template"]["spec"]["restartPolicy"]) == ("FailJob", "Never")
        assert not {4, 75} & {*rule["onExitCodes"]["values"]}
