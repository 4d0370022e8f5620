"""kvsctl journal: inspect a journal."""

from pathlib import Path
from typing import Annotated

import typer

from kvsctl.cli.help import Command, Group

journal_app = typer.Typer(
    help="Inspect a journal written by --journal.",
    no_args_is_help=True,
    cls=Group,
    rich_markup_mode=None,
)


@journal_app.command("show", cls=Command)
def show_command(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The journal.")],
    json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Show the progress recorded in a journal, even while a run is using it."""
    from kvsctl.journal.file import is_in_use, read_journal
    from kvsctl.report.journal import journal_document, journal_lines
    from kvsctl.report.schema import document_line

    journal = read_journal(path)
    in_use = is_in_use(path)
    if json:
        typer.echo(document_line(journal_document(path, journal, in_use=in_use)), nl=False)
        return
    for line in journal_lines(path, journal, in_use=in_use):
        typer.echo(line)
