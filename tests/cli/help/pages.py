"""All pages of help, as the tests of them need them."""

from functools import cache
from typing import Any, Final

from typer.main import get_command
from typer.testing import CliRunner

from kvsctl.cli.app import command_line
from kvsctl.cli.help.topics import TOPICS

Words = tuple[str, ...]


def _walk(command: Any, words: Words = ()) -> dict[Words, Any]:
    found = {words: command}
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            found |= _walk(inner, (*words, name))
    return found


COMMANDS: Final = _walk(get_command(command_line()))
"""Each public command with its words, the program itself first."""

HELP: Final[list[Words]] = [(*words, "--help") for words in COMMANDS]
"""What prints the page of each command with its common options."""

WHOLE: Final[list[Words]] = [("help", *words) for words in COMMANDS if words]
"""What prints the page of each command with all options."""

TOPIC_PAGES: Final[list[Words]] = [("help", topic) for topic in TOPICS]


@cache
def page(*words: str, columns: int = 100, **variables: str) -> str:
    """Return what a command prints."""
    env = {"COLUMNS": str(columns)} | variables
    shown = CliRunner(env=env).invoke(command_line(words), [*words])
    assert shown.exit_code == 0, shown.output
    return shown.output
