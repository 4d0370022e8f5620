"""The completion scripts that ship are those that the program prints."""

from pathlib import Path

import pytest

from kvsctl.cli.completion.scripts import FILES, SCRIPTS
from tests.support.commands.command import Command
from tests.support.needs import shared

_FOLDER = Path(__file__).parents[3] / "completions"


@pytest.mark.parametrize("shell", SCRIPTS)
def test_scripts_are_current(kvsctl: Command, shell: str) -> None:
    script = kvsctl("completion", shell, status=0).out
    assert (_FOLDER / FILES[shell]).read_bytes() == script


def test_there_is_a_file_for_each_shell() -> None:
    assert {path.name for path in _FOLDER.iterdir()} == set(FILES.values())


def test_each_is_installed_where_its_shell_looks() -> None:
    places = {
        "bash": "bash-completion/completions/kvsctl",
        "zsh": "zsh/site-functions/_kvsctl",
        "fish": "fish/vendor_completions.d/kvsctl.fish",
    }
    assert {shell: shared(place).read_text("utf-8") for shell, place in places.items()} == SCRIPTS


def test_an_unknown_shell_is_an_error(kvsctl: Command) -> None:
    ended = kvsctl("completion", "tcsh", status=2)
    assert b"tcsh" in ended.err
    assert b"fish" in ended.err
