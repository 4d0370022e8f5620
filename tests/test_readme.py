"""What the README says of options, defaults and exit codes is what there is."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from kvsctl.cli.app import command_line
from kvsctl.config.settings import RUNNING
from kvsctl.errors import ExitStatus

_README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
# By name, as Typer's class has no type for it.
_COMMANDS = getattr(get_command(command_line()), "commands")  # noqa: B009


def _options(name: str) -> list[list[str]]:
    """The names of each option of a command."""
    return [parameter.opts for parameter in _COMMANDS[name].params if "-" in parameter.opts[0]]


def test_every_option_that_is_named_is_there() -> None:
    live = {name for command in _COMMANDS for names in _options(command) for name in names}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", _README))
    whole = {"--help", "--version", "--install-completion", "--show-completion"}
    assert named - live <= whole


@pytest.mark.parametrize("command", ["set", "get", "delete"])
def test_every_option_is_named(command: str) -> None:
    words = set(re.findall(r"(?<![\w-])--?[a-zA-Z0-9][a-z-]*", _README))
    assert [names for names in _options(command) if not words & set(names)] == []


def test_the_defaults_are_those_that_hold() -> None:
    rows = re.findall(r"^\| .*?`--([a-z-]+) [NS]` \| .* \| (.+?) \|$", _README, re.MULTILINE)
    told = {name.replace("-", "_"): default for name, default in rows}
    unset = {"concurrency": "as many as help", "rps": "the share", "units_per_min": "the share"}
    assert told == {
        name: unset.get(name, "any number")
        if setting.default is None
        else f"{setting.default:g}"
        if setting.kind is float
        else str(setting.default)
        for name, setting in RUNNING.items()
    }


def test_the_exit_codes_are_all_there() -> None:
    table = re.findall(r"^\| ([\d, ]+) \| ", _README, re.MULTILINE)
    codes = {int(code) for row in table for code in row.split(",")}
    assert codes == set(map(int, ExitStatus))
