"""The pages' configuration files, crontab line and set-ups work as they are shown."""

import re
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from kvsctl import emulator
from kvsctl.emulator import embedded
from kvsctl.emulator.clock import Clock
from tests.e2e.documents.pages import ROOT, block
from tests.e2e.documents.typed import with_pass
from tests.emulator.support import FakeTime
from tests.relay.invoking import APP, INSTALLATION
from tests.relay.invoking import served as served_relay
from tests.support.commands.command import KVSCTL, Command
from tests.support.commands.server import served
from tests.support.commands.serving import serving
from tests.support.needs import IS_POSIX, only_on, program, skip_or_fail

_DAY_MS: Final = 86_400_000
_TOKEN: Final = "t" * 40
_FILE: Final = ".config/kvsctl/config.toml"

pytestmark = [pytest.mark.slow, only_on(IS_POSIX, "the blocks need a POSIX shell")]


@pytest.fixture
def keeper(kvsctl: Command) -> Command:
    """kvsctl on a machine where `pass` keeps the token."""
    return with_pass(kvsctl, _TOKEN)


def _configured(kvsctl: Command, text: str, url: str) -> str:
    """Write a configuration file, with the URL of a served store, and return its target."""
    [(name, section)] = tomllib.loads(text)["targets"].items()
    file = kvsctl.home / _FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.replace(section["url"], url), "utf-8")
    file.chmod(0o600)
    return str(name)


@pytest.mark.parametrize(
    ("page", "begin"),
    [
        ("docs/targets.md", 'default = "staging"'),
        ("docs/probe.md", "[targets.staging]"),
    ],
)
def test_the_configuration_reaches_a_store_with_the_token(
    keeper: Command, page: str, begin: str
) -> None:
    text = block(page, "toml", begin)
    if "profile = " in text:
        keeper("probe", "-t", "local", "--yes", "-o", keeper.home / "staging-profile.json")
    with serving(keeper, "--token", _TOKEN) as url:
        name = _configured(keeper, text, url)
        keeper("ping", "-t", name, status=0)
        words = () if tomllib.loads(text).get("default") == name else ("-t", name)
        keeper("set", "-q", *words, "a=1", status=0)
        assert keeper("get", "-q", *words, "a", status=0).lines == [{"key": "a", "value": 1}]
        shown = keeper("config", "show", *words, "--json", status=0).out.decode()
    if "concurrency" in text:
        assert re.search(r'"concurrency","value":4,"origin":"file"', shown), shown


def test_a_protected_target_needs_its_name(keeper: Command) -> None:
    with serving(keeper, "--token", _TOKEN) as url:
        name = _configured(keeper, block("docs/targets.md", "toml", "[targets.prod]"), url)
        keeper("set", "-t", name, "a=1", status=2)
        keeper("set", "-t", name, "a=1", "--confirm", name, status=0)


def test_the_relay_page_shows_the_configuration_of_the_example() -> None:
    text = (ROOT / "examples/token-relay/config.toml").read_text("utf-8")
    shown = tomllib.loads(block("docs/token-relay.md", "toml"))["targets"]["example"]
    example = tomllib.loads(text)["targets"]["example"]
    assert {name: example[name] for name in shown} == shown


def test_the_relay_answers_the_requests_of_the_picture() -> None:
    picture = block("docs/token-relay.md", "", "Forge")
    [given], [asked] = re.findall(r"POST (\S+)", picture), re.findall(r"GET (\S+)", picture)
    assert re.findall(r"^ +([a-z-]+):", picture, re.MULTILINE) == [
        "authorization", "x-forge-oauth-system"
    ]  # fmt: skip
    with served_relay() as relay:
        assert relay.invoke(relay.vendor.signed(), "the-token", given).status in (200, 204)
        assert relay.get(asked.replace("INSTALLATION", INSTALLATION)).text.strip() == "the-token"


def test_the_receiver_is_set_up_as_shown(kvsctl: Command) -> None:
    program("openssl")
    shutil.copytree(ROOT / "examples", kvsctl.home / "examples")
    script = block("docs/token-relay.md", "sh").replace(
        "RELAY_APP_ID=ari:cloud:ecosystem::app/… ", f"RELAY_APP_ID={APP} "
    )
    assert APP in script
    *prepare, run = script.splitlines()
    # The set-up and then the receiver itself, in the place of the shell, so that it can be ended.
    process = subprocess.Popen(
        ["bash", "-ec", "\n".join([*prepare, "echo prepared >&2", f"exec {run}"])],
        env=kvsctl.environ | {"RELAY_PORT": "0"}, cwd=kvsctl.home,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if "listening on" in line:
                break
        process.terminate()
    if "prepared" not in said:
        skip_or_fail(f"pip install failed: {said[-500:]}")
    assert "listening on http://127.0.0.1:" in said


@pytest.fixture
def prod(kvsctl: Command, tmp_path: Path) -> Iterator[Command]:
    """kvsctl with a target `prod`: one of its ten sessions was written 100 days ago."""
    database = tmp_path / "prod.db"
    long_ago = Clock(FakeTime(int(time.time() * 1000) - 100 * _DAY_MS))
    with served(embedded(database, clock=long_ago)) as url:
        kvsctl("set", "-q", "--url", url, "session:old=1", status=0)
    with served(embedded(database)) as url:
        kvsctl("set", "-q", "--url", url, *(f"session:{n}=1" for n in range(9)), status=0)
        (kvsctl.home / ".config/kvsctl").mkdir(parents=True)
        (kvsctl.home / _FILE).write_text(f'[targets.prod]\nurl = "{url}"\n')
        yield kvsctl


def _by_cron(line: str, home: Path) -> "subprocess.CompletedProcess[str]":
    """Run the command of a crontab line as cron does, with hardly a variable."""
    *times, command = line.split(maxsplit=5)
    assert all(re.fullmatch(r"[0-9*/,-]+", one) for one in times)
    command, *_ = re.split(r"(?<!\\)%", command)  # cron ends the command there
    return subprocess.run(
        ["/bin/sh", "-c", command.replace(r"\%", "%")],
        env={"HOME": str(home), "LOGNAME": "me", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"},
        cwd=home, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_cron_deletes_what_is_old(prod: Command) -> None:
    line = block("README.md", "", "17 3 ").strip()
    program_path = Path(shlex.split(line.split(maxsplit=5)[5])[0].replace("$HOME", str(prod.home)))
    assert program_path.is_relative_to(prod.home / ".local/bin"), "where pipx and uv put it"
    program_path.parent.mkdir(parents=True)
    program_path.symlink_to(KVSCTL)
    done = _by_cron(line, prod.home)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(prod("list", "-q", "-t", "prod", status=0).out.split()) == 9
    assert _by_cron(line.replace("30d", "0s"), prod.home).returncode == 2, "more than a fifth"
    assert len(prod("list", "-q", "-t", "prod", status=0).out.split()) == 9


def test_the_command_that_installs_works_in_a_clone(tmp_path: Path, kvsctl: Command) -> None:
    clone = _clone(tmp_path / "clone")
    command = block("README.md", "sh", "python3 -m venv .venv && .venv/bin/pip install -q . ")
    environ = kvsctl.environ
    environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command], env=environ, cwd=clone, capture_output=True, text=True, check=False
    )
    if not (clone / ".venv/bin/kvsctl").exists():
        skip_or_fail(f"pip install failed: {done.stderr[-500:]}")
    assert done.returncode == 0, done.stderr
    assert "3,043 records · 3,043 succeeded" in done.stderr


def _clone(folder: Path) -> Path:
    """Return a folder with the project as it is committed, or as an unpacked sdist has it."""
    if (ROOT / ".git").exists():
        command = [program("git"), "clone", "-q", "--no-hardlinks", str(ROOT), str(folder)]
        subprocess.run(command, check=True)
    else:
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".venv"))
        # `nox -s wheel` takes it away, so that the tests import the wheel.
        shutil.copy2(Path(emulator.__file__).parents[1] / "__init__.py", folder / "kvsctl")
    return folder
