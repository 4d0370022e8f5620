"""kvsctl help: show the page of a command, with all options, or of a topic."""

from typing import Annotated

import typer


def help_command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[COMMAND|TOPIC]...", help="A command, such as set or journal show, or a topic."
        ),
    ] = None,
) -> None:
    """Show all options of a command, or a topic.

    COMMAND --help shows the options that most users need; this command shows all of them, with
    those for tuning last.
    """
    from kvsctl.cli.help.finding import page_named
    from kvsctl.cli.help.layout import shown

    typer.echo(shown(page_named(words or ())), nl=False, color=True)
