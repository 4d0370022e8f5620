"""Each shell completes kvsctl at the first TAB, installed as docs/commands.md says."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.commands.command import KVSCTL, Command
from tests.support.commands.shells import Shell, interactive
from tests.support.needs import IS_LINUX, IS_POSIX, file_of, only_on, program, shared

pytestmark = [pytest.mark.slow, only_on(IS_POSIX, "the shells need a POSIX system")]

_ROOT: Final = Path(__file__).parents[3]
_PAGE: Final = (_ROOT / "docs/commands.md").read_text("utf-8")
[_LINES] = re.findall(r"<!-- completion -->\n```sh\n(.*?)```", _PAGE, re.S)
_SHARE: Final = Path(sys.prefix, "share")
_INSTALLS: Final = {
    "bash": _LINES.splitlines()[0],
    "zsh": _LINES.splitlines()[1],
    "fish": _LINES.splitlines()[2],
    # As the package installs it: the shells find its files, and nothing is evaluated.
    "bash with the package": "echo '. /usr/share/bash-completion/bash_completion' >>~/.bashrc",
    "zsh with the package": f"echo 'fpath=({_SHARE}/zsh/site-functions $fpath)' >>~/.zshrc; "
    "echo 'autoload -Uz compinit && compinit -u' >>~/.zshrc",
    "fish with the package": ":",
}
_STARTS: Final = {
    "bash": ["bash", "-i"],
    "zsh": ["zsh", "-i"],
    "fish": ["fish", "-i", "-C", "set -g fish_autosuggestion_enabled 0"],
}
_MANIFEST: Final = """\
app:
  storage:
    entities:
      - name: users
        attributes:
          name: {type: string}
"""
_CONFIG: Final = """\
[targets.staging]
url = "https://staging.example"
[targets."the second"]
url = "https://second.example"
"""


def _marked(name: str) -> object:
    is_debian = name == "bash with the package"
    marks = only_on(IS_LINUX, "bash-completion needs a later bash") if is_debian else ()
    return pytest.param(name, marks=marks)


@pytest.fixture(params=map(_marked, sorted(_INSTALLS)))
def shell(request: pytest.FixtureRequest, kvsctl: Command) -> Iterator[Shell]:
    home = kvsctl.home
    environ = kvsctl.environ | {"PATH": f"{KVSCTL.parent}:{os.environ['PATH']}"}
    if request.param == "bash with the package":
        file_of("bash-completion", "/usr/share/bash-completion/bash_completion")
    if request.param.endswith("with the package"):
        shared("zsh/site-functions/_kvsctl")
        environ["XDG_DATA_DIRS"] = f"{_SHARE}:/usr/local/share:/usr/share"
    first, *rest = _STARTS[request.param.partition(" ")[0]]
    subprocess.run(["sh", "-ec", _INSTALLS[request.param]], env=environ, cwd=home, check=True)
    (home / ".config/kvsctl").mkdir(parents=True)
    (home / ".config/kvsctl/config.toml").write_text(_CONFIG)
    (home / "manifest.yml").write_text(_MANIFEST)
    for name in ("data.jsonl", "my file.csv"):
        (home / name).touch()
    (home / "application").mkdir()
    with interactive([program(first), *rest], environ, home) as started:
        yield started


def test_all_that_can_be_named_is_completed(shell: Shell) -> None:
    for typed, line in {
        "expo": "export",  # the first TAB
        "set --token-f": "set --token-file",
        "set -n --batch-s": "set -n --batch-size",
        "journal sh": "journal show",
        "get -t sta": "get -t staging",
        "get --target=sta": "get --target=staging",
        'get -t "st': 'get -t "staging"',
        'get -t "the sec': 'get -t "the second"',
        "diff --from sta": "diff --from staging",
        "set --entity us": "set --entity users",
        "set --format ts": "set --format tsv",
        "set --format=ts": "set --format=tsv",
        "completion fi": "completion fish",
    }.items():
        assert shell.line_after(f"kvsctl {typed}\t").rstrip(" /") == f"kvsctl {line}"


def test_files_are_completed_where_they_belong_and_nowhere_else(shell: Shell) -> None:
    for typed, line in {
        "set -f dat": "set -f data.jsonl",
        "set --file=dat": "set --file=data.jsonl",
        "set -f my": "set -f my\\ file.csv",
        "set -f my\\ f": "set -f my\\ file.csv",
        'set -f "my f': 'set -f "my file.csv"',
        "set -f ~/dat": "set -f ~/data.jsonl",
        "bridge init ~/app": "bridge init ~/application",
        "verify dat": "verify data.jsonl",
        "bridge init app": "bridge init application",
        "bridge init dat": "bridge init dat",
        "set dat": "set dat",
        "get -t dat": "get -t dat",
        "get --where dat": "get --where dat",
    }.items():
        assert shell.line_after(f"kvsctl {typed}\t").rstrip(" /") == f"kvsctl {line}"


def test_several_are_listed(shell: Shell) -> None:
    shown = shell.shown_after("kvsctl get -t \t\t", "staging")
    assert "container" in shown
    assert shell.line_after("kvsctl expo\t").strip() == "kvsctl export"
