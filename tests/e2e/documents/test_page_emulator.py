"""The blocks on the emulator: what it prints, and how apps and their tests use it."""

import dataclasses
import gzip
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from kvsctl.emulator.options import EmulatorOptions
from kvsctl.emulator.switches.quota import QuotaOptions
from kvsctl.emulator.web.serve import ServeOptions
from tests.e2e.documents.pages import ROOT, block
from tests.emulator.test_vendor_client import NODE
from tests.support.commands.command import KVSCTL, Command
from tests.support.commands.pseudo_terminal import read_within
from tests.support.commands.serving import serving
from tests.support.needs import IS_POSIX, only_on, program, system_module
from tests.support.node import install_packages

_PAGE: Final = "docs/emulator.md"
_URL: Final = "http://127.0.0.1:8787"
_WAIT_SECONDS: Final = 60
_APP: Final = """\
import json, urllib.request

class App:
    def __init__(self, url, token):
        self.url, self.token = url, token

    def save(self, key):
        body = json.dumps({"key": key, "value": 1}).encode()
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        request = urllib.request.Request(self.url + "/v1/set", body, headers)
        assert urllib.request.urlopen(request).status in (200, 204)

"""

_MANIFEST: Final = """\
app:
  storage:
    entities:
      - name: account
        attributes: {plan: {type: string}}
"""
_ASKS: Final = """\
import json, urllib.error, urllib.request

def answer(emulator, path, item):
    body, headers = json.dumps(item).encode(), {"authorization": f"Bearer {emulator.token}"}
    request = urllib.request.Request(emulator.url + path, body, headers)
    while True:
        try:
            with urllib.request.urlopen(request) as found:
                return json.loads(found.read() or "null")
        except urllib.error.HTTPError as error:
            if error.code != 429:
                return json.load(error)

def test_the_options(kvsctl_emulator):
    assert kvsctl_emulator.token == "secret"
    assert answer(kvsctl_emulator, "/v1/get", {"key": "a"})["value"] == 1
    wrong = {"key": "b", "entityName": "other", "value": {}}
    assert answer(kvsctl_emulator, "/v1/entity/set", wrong)["code"] == "SCHEMA_NOT_FOUND"
"""

pytestmark = [pytest.mark.slow, only_on(IS_POSIX, "the blocks need a POSIX terminal")]


def _served_in_terminal(kvsctl: Command, line: str) -> str:
    """Run `serve` on a terminal and a free port, stop it by Ctrl-C, and return what it shows."""
    near, far = system_module("pty").openpty()
    environ = kvsctl.environ | {"TERM": "dumb"}
    process = subprocess.Popen(
        ["bash", "-c", f"exec {KVSCTL.parent}/{line} --port 0"],
        env=environ, cwd=kvsctl.home, stdin=far, stdout=far, stderr=far,
    )  # fmt: skip
    os.close(far)
    shown = b""
    while b"Ctrl-C stops it" not in shown:
        chunk = read_within(near, _WAIT_SECONDS)
        assert chunk, shown.decode()
        shown += chunk
    process.send_signal(signal.SIGINT)
    while chunk := read_within(near, _WAIT_SECONDS):
        shown += chunk
    os.close(near)
    process.wait(_WAIT_SECONDS)
    return re.sub(r"(http://127.0.0.1:)\d+", r"\g<1>8787", shown.decode().replace("\r\n", "\n"))


def test_serve_prints_what_is_shown(kvsctl: Command) -> None:
    (kvsctl.home / "examples").symlink_to(ROOT / "examples")
    command, _, shown = block(_PAGE, "console", "$ kvsctl serve").partition("\n")
    assert _served_in_terminal(kvsctl, command.removeprefix("$ ")).startswith(shown)


def test_serve_takes_a_profile(kvsctl: Command) -> None:
    command = block("docs/probe.md", "sh", "kvsctl serve").strip()
    profile = kvsctl.home / command.split()[-1]
    kvsctl("probe", "-t", "local", "--yes", "-o", profile, status=0)
    assert "serving the emulator" in _served_in_terminal(kvsctl, command)


def test_serve_begins_with_what_the_last_one_had(kvsctl: Command) -> None:
    command = block(_PAGE, "sh", "kvsctl serve --import").strip()
    file = kvsctl.home / command.split()[-1]
    assert "starting without its records" in _served_in_terminal(kvsctl, command)
    file.write_bytes(gzip.compress(b'{"key":"a","value":1}\n'))
    shown = _served_in_terminal(kvsctl, command)
    assert "1 record loaded from" in shown
    assert "1 record exported to" in shown
    assert b'"key":"a","value":1,' in gzip.decompress(file.read_bytes())


def test_a_running_emulator_exports_and_imports(kvsctl: Command) -> None:
    program("curl")
    with serving(kvsctl) as url:
        kvsctl("set", "--url", url, "a=1", "b=2", status=0)
        script = block(_PAGE, "sh", "curl -s").replace(_URL, url)
        ended = subprocess.run(
            ["bash", "-ec", script], cwd=kvsctl.home, capture_output=True, text=True, check=True
        )
    assert ended.stdout == '{"records":2}'


def test_serve_takes_the_faults(kvsctl: Command) -> None:
    spec = block(_PAGE, "", "seed=").strip()
    with serving(kvsctl, "--faults", spec) as url:
        words = [f"k{number}=1" for number in range(40)]
        report = kvsctl("set", "--url", url, "--batch-size", "1", "--json", *words, status=0).report
    assert (report["succeeded"], report["retries"] > 0) == (40, True)


def test_a_node_app_reaches_the_emulator(kvsctl: Command, tmp_path: Path) -> None:
    folder = install_packages(NODE, tmp_path / "app")
    with serving(kvsctl) as url:
        script = block(_PAGE, "js", "import { kvs").replace(_URL, url)
        assert url in script
        (folder / "app.mjs").write_text(script, "utf-8")
        done = subprocess.run(
            ["node", "app.mjs"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        found = kvsctl("get", "--url", url, "-q", "greeting", status=0).lines
    assert found == [{"key": "greeting", "value": {"hello": "world"}}]


def test_a_test_gets_an_emulator(tmp_path: Path) -> None:
    (tmp_path / "test_app.py").write_text(_APP + block(_PAGE, "python", "def test_"), "utf-8")
    assert "1 passed" in _tested(tmp_path)


def test_a_test_gets_an_emulator_with_the_options_of_the_page(tmp_path: Path) -> None:
    options = block(_PAGE, "python", "from pathlib")
    (tmp_path / "conftest.py").write_text(options, "utf-8")
    (tmp_path / "manifest.yml").write_text(_MANIFEST, "utf-8")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "seed.jsonl").write_text('{"key":"a","value":1,"installation":"acme"}\n')
    (tmp_path / "test_app.py").write_text(_ASKS, "utf-8")
    assert "1 passed" in _tested(tmp_path)


def test_the_page_names_each_option_of_the_fixture() -> None:
    page = (ROOT / _PAGE).read_text("utf-8").partition("## From Python tests")[2]
    named = set(re.findall(r"`(\w+)`", page.partition("\n## ")[0]))
    structs = (ServeOptions, QuotaOptions)
    options = {field.name for struct in structs for field in dataclasses.fields(struct)}
    options |= set(EmulatorOptions.__struct_fields__)
    rare = {"limits", "admin", "http", "request_seconds", "verbose", "stop_at_eof"}
    assert named >= options - rare


def _tested(tmp_path: Path) -> str:
    """Run pytest on what is in a folder, without the plugins that this project's tests have.

    The folder has settings of its own, or those of this project count if it lies in the checkout.
    """
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [*words, "--rootdir", tmp_path, "test_app.py"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr
