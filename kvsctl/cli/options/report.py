"""What a run tells, and where."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume
from kvsctl.cli.options import panels


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What the run tells, and where."""

    json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print the report as one line of JSON.", rich_help_panel=panels.REPORT
        ),
        OnResume.MAY_DIFFER,
    ] = False
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the JSON report to FILE as well.",
            rich_help_panel=panels.REPORT,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    failures: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write failed input to FILE, ready to be fed back.",
            rich_help_panel=panels.REPORT,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Print errors only.", rich_help_panel=panels.REPORT),
        OnResume.MAY_DIFFER,
    ] = False
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            show_default=False,
            help="A line a request; -vv with headers.",
            rich_help_panel=panels.REPORT,
        ),
        OnResume.MAY_DIFFER,
    ] = 0
