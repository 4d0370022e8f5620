"""kvsctl report: add up the reports of several runs."""

from pathlib import Path
from typing import Annotated

import typer

from kvsctl.cli.help import Command, Group

report_app = typer.Typer(
    help="Add up reports written by --report.",
    no_args_is_help=True,
    cls=Group,
    rich_markup_mode=None,
)


@report_app.command("merge", cls=Command)
def merge_command(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Reports; - is stdin.")],
    json: Annotated[
        bool, typer.Option("--json", help="Print the sum as a report: one line of JSON.")
    ] = False,
) -> None:
    """Add up the JSON reports of shards, installations or other runs.

    A file holds one report or several, such as JSON Lines. The exit code is 0 if they were added
    up, whatever they say. The exit code in the sum is the gravest of theirs.
    """
    from kvsctl.report.merging.merged import merged
    from kvsctl.report.merging.reading import read_reports
    from kvsctl.report.schema import document_line

    reports = read_reports(paths)
    total = merged(reports)
    if json:
        typer.echo(document_line(total), nl=False)
        return
    from kvsctl.report.console import Environment
    from kvsctl.report.merging.page import page_of

    typer.echo(page_of(total, len(reports), Environment.of_process()), nl=False)
