"""The commands, put together."""

from typing import Annotated

import typer

from kvsctl import __version__
from kvsctl.cli.delete import delete_command
from kvsctl.cli.get import get_command
from kvsctl.cli.journal import journal_app
from kvsctl.cli.serve import serve_command
from kvsctl.cli.set import set_command

app = typer.Typer(
    name="kvsctl",
    help="Load, read and clean up Atlassian Forge key-value stores.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("set")(set_command)
app.command("get")(get_command)
app.command("delete")(delete_command)
app.command("serve")(serve_command)
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
