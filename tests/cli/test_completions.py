"""The completion scripts that ship are those that the program writes."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.commands.command import KVSCTL, Command
from tests.support.needs import program

_FOLDER = Path(__file__).parents[2] / "completions"


@pytest.mark.parametrize(
    ("shell", "name"), [("bash", "kvsctl.bash"), ("zsh", "_kvsctl"), ("fish", "kvsctl.fish")]
)
def test_scripts_are_current(kvsctl: Command, shell: str, name: str) -> None:
    script = _complete(kvsctl, f"source_{shell}")
    assert (_FOLDER / name).read_bytes() == script


def test_commands_and_options_are_completed(kvsctl: Command) -> None:
    commands = kvsctl.having(COMP_WORDS="kvsctl ", COMP_CWORD="1")
    assert _complete(commands, "complete_bash").split() == [
        b"set", b"get", b"delete", b"list", b"export", b"du", b"verify", b"diff", b"sync",
        b"expire", b"clean", b"apply", b"ping", b"probe", b"serve", b"installations", b"journal",
        b"report", b"bridge",
    ]  # fmt: skip
    options = kvsctl.having(COMP_WORDS="kvsctl set --tok", COMP_CWORD="2")
    assert _complete(options, "complete_bash").split() == [b"--token-file", b"--token-command"]


def test_zsh_completes_from_a_folder_of_fpath(kvsctl: Command) -> None:
    script = f"""
        fpath=({_FOLDER} $fpath)
        autoload -Uz compinit && compinit -D -u
        print "found: $_comps[kvsctl]"
        _arguments() {{ print -r -- "offered: $*" }}
        _describe() {{ print -r -- "offered: $*" }}
        words=(kvsctl set --tok) CURRENT=3
        $_comps[kvsctl]
    """
    environ = kvsctl.environ | {"PATH": f"{KVSCTL.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [program("zsh"), "-f", "-c", script],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "found: _kvsctl\n" in done.stdout, done.stderr
    offered = done.stdout.partition("offered: ")[2]
    assert "--token-file" in offered
    assert "--token-command" in offered


def _complete(command: Command, instruction: str) -> bytes:
    environ = command.environ | {"_KVSCTL_COMPLETE": instruction}
    return subprocess.run([KVSCTL], env=environ, capture_output=True, check=True).stdout
