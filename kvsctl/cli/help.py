"""Help pages: options under the headings of their groups, as plain text.

Typer's own grouped help needs rich and a Markdown parser, which take longer to import than
everything else that printing help needs.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

import typer
from typer.core import TyperCommand, TyperGroup

from kvsctl.report.colour import has_colour
from kvsctl.unexpected import explained

WIDTH: Final = 100
"""The most columns of a help page: longer lines are hard to read."""

_OPTIONS: Final = "Options"


class Page(Protocol):
    """The formatter that Typer passes for a help page."""

    def section(self, name: str) -> AbstractContextManager[None]:
        """Write a heading; what is written inside the block is indented below it."""

    def write_dl(self, rows: Sequence[tuple[str, str]]) -> None:
        """Write rows of two columns."""


class Command(TyperCommand):
    """A command whose help shows each option under its `rich_help_panel`."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the pieces of the usage line: hidden arguments are not among them."""
        hidden = {
            piece
            for parameter in self.get_params(ctx)
            if getattr(parameter, "hidden", False)
            for piece in parameter.get_usage_pieces(ctx)
        }
        return [piece for piece in super().collect_usage_pieces(ctx) if piece not in hidden]

    def format_options(self, ctx: Any, formatter: Page) -> None:
        """Write arguments, then groups in the order of their first options, `--help` last."""
        _write_options(self, ctx, formatter)


class Group(TyperGroup):
    """A group of commands, whose help lists them after its options."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the words name.

        Typer takes EOFError for the end of a prompt's input, and says "Aborted!". No command
        prompts: an import has met byte code that was not written to its end.
        """
        try:
            return super().invoke(ctx)
        except EOFError as error:
            raise explained(error) from error

    def format_options(self, ctx: Any, formatter: Page) -> None:
        """Write the options, then the commands with the first sentence of their help."""
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
