"""Commands and groups whose `--help` prints a page of this package.

Typer's own help needs rich and a Markdown parser, which take longer to import than everything else
that printing help needs.
"""

from typing import Any, Protocol

from typer.core import TyperCommand, TyperGroup

from kvsctl.unexpected import explained


class Formatter(Protocol):
    """The formatter that Typer passes for a help page."""

    def write(self, string: str) -> None:
        """Write text as it is."""


class Command(TyperCommand):
    """A command with a page: see `page`."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the pieces of the usage line, without hidden arguments and without braces."""
        hidden = {
            piece
            for parameter in self.get_params(ctx)
            if getattr(parameter, "hidden", False)
            for piece in parameter.get_usage_pieces(ctx)
        }
        pieces = super().collect_usage_pieces(ctx)
        return [piece.strip("{}") for piece in pieces if piece not in hidden]

    def format_help(self, ctx: Any, formatter: Formatter) -> None:
        """Write the page with the common options."""
        _write_page(self, ctx, formatter)


class Group(TyperGroup):
    """A group of commands, whose page lists them."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the words name.

        Typer takes an EOFError for the end of input at a prompt, and prints "Aborted!". Commands do
        not use such prompts: here, it means that an import read a truncated byte-code file.
        """
        try:
            return super().invoke(ctx)
        except EOFError as error:
            raise explained(error) from error

    def format_help(self, ctx: Any, formatter: Formatter) -> None:
        """Write the page with the commands."""
        _write_page(self, ctx, formatter)


def _write_page(command: TyperCommand | TyperGroup, ctx: Any, formatter: Formatter) -> None:
    from kvsctl.cli.help.layout import shown
    from kvsctl.cli.help.page import page_of

    # The text already has colours or none, as it should: Typer would remove them for a pipe.
    ctx.color = True
    formatter.write(shown(page_of(command, ctx)))
