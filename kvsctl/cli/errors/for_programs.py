"""An error as JSON, for commands that were called with `--json`."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from kvsctl import __version__
from kvsctl.errors import ExitStatus, KvsctlError
from kvsctl.files.raw import write_all
from kvsctl.report.document import error_members
from kvsctl.report.schema import REPORT_SCHEMA, document_line

_PRINT_RECORDS: Final = frozenset({"get", "list", "export", "du", "diff"})
"""Commands that print records on stdout, so that their report is the last line of stderr."""


def is_wanted(words: Sequence[str]) -> bool:
    """Return whether a command line asks for JSON, even one that cannot be read otherwise.

    It does with `--json=1`, too, although the option takes no value.
    """
    options = words[: words.index("--") if "--" in words else None]
    return any(word.partition("=")[0] == "--json" for word in options)


def command_path(words: Sequence[str]) -> str:
    """Return the command that a command line names: `config show`; "" if it names none.

    Before a command, there can only be options without a value.
    """
    from typer.main import get_command

    from kvsctl.cli.app import command_line

    path: list[str] = []
    command: Any = get_command(command_line(words))
    for word in words:
        commands = getattr(command, "commands", {})
        if word in commands:
            path.append(word)
            command = commands[word]
        elif not commands or not word.startswith("-"):
            break
    return " ".join(path)


def print_error(error: KvsctlError, command: str) -> None:
    """Print an error as JSON where the command's report would be; ignore a closed stream."""
    line = document_line(error_document(error, error.status, command))
    stream, fd = (sys.__stderr__, 2) if command in _PRINT_RECORDS else (sys.__stdout__, 1)
    if stream is not None:
        with suppress(OSError):
            write_all(fd, line)


def error_document(error: KvsctlError, status: ExitStatus, command: str) -> dict[str, Any]:
    """Return the document of a command that ended before it had a report."""
    return {
        "schema": REPORT_SCHEMA,
        "version": __version__,
        "command": command,
        "exit_code": int(status),
        "error": error_members(error),
    }
