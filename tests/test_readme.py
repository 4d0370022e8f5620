"""README.md, SECURITY.md and docs/ name the options, commands and defaults that exist, no others.

The tests walk the live commands and read the help that each of them prints.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from kvsctl.cli.app import command_line
from kvsctl.config.settings import RUNNING, default_of
from kvsctl.errors import ExitStatus

_ROOT: Final = Path(__file__).parents[1]
_PAGES: Final = {
    path.relative_to(_ROOT).as_posix(): path.read_text("utf-8")
    for path in [_ROOT / "README.md", _ROOT / "SECURITY.md", *sorted((_ROOT / "docs").glob("*.md"))]
}
_OTHER_PROGRAMS: Final[dict[str, str]] = {
    "--array": "sbatch",
    "--build": "docker compose up",
    "--data-binary": "curl",
    "--encrypt": "forge variables set",
    "--no-deps": "pip install",
    "--require-hashes": "pip install",
    "--upgrade": "forge install",
}
"""Long options of other programs that the pages may name, with the program's name."""
_OPTION: Final = r"(?<![\w-])--?[a-zA-Z0-9][\w-]*"
_LONG_OPTION: Final = r"(?<![\w-])--[a-z][\w-]*"


def _walk(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each public command with its words, the program itself first."""
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from _walk(inner, (*words, name))


_COMMANDS: Final = dict(_walk(get_command(command_line())))


@cache
def _options(words: tuple[str, ...]) -> frozenset[str]:
    """Return the names of the options in the help of a command."""
    given = ["help", *words]
    shown = CliRunner(env={"COLUMNS": "100"}).invoke(command_line(given), given)
    assert shown.exit_code == 0
    # Under a heading; a line of the description may begin with an option as well.
    _, *tables = re.split(r"^\S.*:$", shown.output, flags=re.MULTILINE)
    names = re.findall(r"^ {2,6}(-.*?)(?:  |$)", "".join(tables), re.MULTILINE)
    return frozenset(name for row in names for name in re.findall(_OPTION, row))


def _all_options() -> frozenset[str]:
    return frozenset().union(*map(_options, _COMMANDS))


def _describing(words: tuple[str, ...]) -> str:
    """Return the text in which a reader looks for the options of a command.

    `serve` shares names with the other commands, such as --token and --installation, so its
    options must be named where the emulator is described, and the others outside of it.
    """
    if words[:1] == ("serve",):
        return _PAGES["docs/emulator.md"]
    return "\n".join(text for name, text in _PAGES.items() if name != "docs/emulator.md")


@pytest.mark.parametrize("words", _COMMANDS, ids=" ".join)
def test_the_help_shows_every_public_option(words: tuple[str, ...]) -> None:
    public = [
        name
        for parameter in _COMMANDS[words].params
        if parameter.param_type_name == "option" and not parameter.hidden
        for name in [*parameter.opts, *parameter.secondary_opts]
    ]
    assert _options(words) == {*public, "-h", "--help"}


@pytest.mark.parametrize("words", _COMMANDS, ids=" ".join)
def test_every_option_of_a_command_is_documented(words: tuple[str, ...]) -> None:
    named = set(re.findall(_OPTION, _describing(words))) | {"-h", "--help"}
    assert sorted(_options(words) - named) == []


@pytest.mark.parametrize("page", _PAGES)
def test_every_option_that_is_documented_exists(page: str) -> None:
    named = set(re.findall(_LONG_OPTION, _PAGES[page]))
    assert sorted(named - _all_options() - _OTHER_PROGRAMS.keys()) == []


@pytest.mark.parametrize("page", _PAGES)
def test_every_name_in_a_table_of_options_exists(page: str) -> None:
    cells = re.findall(r"^\| (`-.*?`) \| ", _PAGES[page], re.MULTILINE)
    named = {name for cell in cells for name in re.findall(_OPTION, cell)}
    assert sorted(named - _all_options()) == []


def test_only_options_of_other_programs_are_exempt() -> None:
    named = {name for text in _PAGES.values() for name in re.findall(_LONG_OPTION, text)}
    assert _OTHER_PROGRAMS.keys() <= named - _all_options()


def test_every_command_is_documented() -> None:
    called = {" ".join(words) for words, command in _COMMANDS.items() if not _is_group(command)}
    table = _PAGES["docs/commands.md"]
    assert [words for words in called if f"`kvsctl {words}" not in table] == []


@pytest.mark.parametrize("page", _PAGES)
def test_every_command_that_is_documented_exists(page: str) -> None:
    named = re.findall(r"(?:`|^\$ |/)kvsctl ([a-z]+)", _PAGES[page], re.MULTILINE)
    assert {(name,) for name in named} <= _COMMANDS.keys()


def _is_group(command: Any) -> bool:
    return hasattr(command, "commands")


def test_every_variable_that_is_documented_exists() -> None:
    sources = [*(_ROOT / "kvsctl").rglob("*.py"), *(_ROOT / "tests/whole").glob("*.py")]
    read = {
        name
        for path in sources
        for name in re.findall(r"\bKVSCTL_[A-Z_]*[A-Z]", path.read_text("utf-8"))
    }
    settings = {f"KVSCTL_{name.upper()}" for name in RUNNING}
    named = {name for text in _PAGES.values() for name in re.findall(r"KVSCTL_[A-Z_]+", text)}
    assert sorted(named - read - settings) == []


def test_the_defaults_are_those_that_hold() -> None:
    running = _PAGES["docs/running.md"]
    rows = re.findall(r"^\| .*?`--([a-z-]+) [NSD]` \| .* \| (.+?) \|$", running, re.MULTILINE)
    documented = {name.replace("-", "_"): default for name, default in rows}
    unset = {"concurrency": "as many as help", "rps": "the share", "units_per_min": "the share"}
    unset["max_duration"] = "any time"
    assert documented == {
        name: unset.get(name, "any number")
        if default_of(name) is None
        else f"{default_of(name):g}"
        if setting.kind is float
        else str(default_of(name))
        for name, setting in RUNNING.items()
    }


def test_every_exit_code_is_documented() -> None:
    table = re.findall(r"^\| ([\d, ]+) \| ", _PAGES["README.md"], re.MULTILINE)
    codes = {int(code) for row in table for code in row.split(",")}
    assert codes == set(map(int, ExitStatus))


def test_quiet_is_described_in_one_way() -> None:
    texts = {
        parameter.help
        for command in _COMMANDS.values()
        for parameter in command.params
        if "--quiet" in parameter.opts
    }
    assert len(texts) == 1
    rows = [
        row for text in _PAGES.values() for row in re.findall(r"^\| .*`--quiet`.*$", text, re.M)
    ]
    assert rows
    assert {row.split("|")[2].strip() for row in rows} == texts


def test_the_readme_is_short() -> None:
    """What is more belongs into docs/."""
    assert len(_PAGES["README.md"].splitlines()) <= 150
