"""The commands, put together."""

from typing import Annotated

import typer

from kvsctl import __version__
from kvsctl.cli.delete import delete_command
from kvsctl.cli.get import get_command
from kvsctl.cli.help import WIDTH, Command, Group
from kvsctl.cli.journal import journal_app
from kvsctl.cli.serve import serve_command
from kvsctl.cli.set import set_command

app = typer.Typer(
    name="kvsctl",
    help="Load, read and clean up Atlassian Forge key-value stores.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    cls=Group,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDTH},
)
app.command("set", cls=Command)(set_command)
app.command("get", cls=Command)(get_command)
app.command("delete", cls=Command)(delete_command)
app.command("serve", cls=Command)(serve_command)
app.add_typer(journal_app, name="journal")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kvsctl {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    del version
