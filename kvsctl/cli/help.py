"""Help that is good to look at and quick: options under the headings of their groups.

Typer's own such help takes rich and a Markdown parser, which cost more to import than all the
rest of a command that prints help. This writes the same order of things as plain text.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

import typer
from typer.core import TyperCommand, TyperGroup

from kvsctl.report.console import has_colour

WIDTH: Final = 100
"""Columns at most: longer lines are hard to read."""

_OPTIONS: Final = "Options"


class Page(Protocol):
    """What Typer gives to write help on."""

    def section(self, name: str) -> AbstractContextManager[None]:
        """A heading, and what is written within it."""

    def write_dl(self, rows: Sequence[tuple[str, str]]) -> None:
        """Two columns."""


class Command(TyperCommand):
    """A command whose options stand under the `rich_help_panel` that each names."""

    def format_options(self, ctx: Any, formatter: Page) -> None:
        """Writes arguments first, then groups in the order in which they come, `--help` last."""
        _write_options(self, ctx, formatter)


class Group(TyperGroup):
    """A command of commands; these follow its options."""

    def format_options(self, ctx: Any, formatter: Page) -> None:
        """Writes the options, then the commands with the first sentence of their help."""
        _write_options(self, ctx, formatter)
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section(_heading("Commands", ctx)):
            formatter.write_dl(
                [
                    (_name(name, ctx), command.get_short_help_str(WIDTH))
                    for name, command in commands
                    if command is not None and not command.hidden
                ]
            )


def _write_options(command: TyperCommand | TyperGroup, ctx: Any, formatter: Page) -> None:
    ctx.color = has_colour(os.environ, is_terminal=sys.stdout is not None and sys.stdout.isatty())
    groups: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is None:
            continue
        plain = "Arguments" if parameter.param_type_name == "argument" else _OPTIONS
        group = getattr(parameter, "rich_help_panel", None) or plain
        groups.setdefault(group, []).append((_name(record[0], ctx), record[1]))
    last = groups.pop(_OPTIONS, [])
    for name, rows in [*groups.items(), (_OPTIONS, last)]:
        if rows:
            with formatter.section(_heading(name, ctx)):
                formatter.write_dl(rows)


def _heading(text: str, ctx: Any) -> str:
    return typer.style(text, bold=True) if ctx.color else text


def _name(text: str, ctx: Any) -> str:
    return typer.style(text, fg=typer.colors.CYAN) if ctx.color else text
