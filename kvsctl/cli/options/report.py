"""What a run prints and reports, and where."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup
from kvsctl.cli.options import panels
from kvsctl.config.settings import STATS_SECONDS

Quiet: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="Print no progress, notes or warnings, and no report unless something fails.",
        rich_help_panel=panels.REPORT,
    ),
    OnResume.MAY_DIFFER,
]


class ReportOptions(OptionGroup):
    """What a run reports, and where."""

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
            help="Also write the JSON report to FILE.",
            rich_help_panel=panels.REPORT,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Let --report, and --failures and --manifest where they exist, replace files of "
            "another kind.",
            rich_help_panel=panels.REPORT,
        ),
        OnResume.MAY_DIFFER,
    ] = False
    quiet: Quiet = False
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            show_default=False,
            help="Print a line per request; -vv adds headers.",
            rich_help_panel=panels.REPORT,
        ),
        OnResume.MAY_DIFFER,
    ] = 0
    stats_every: Annotated[
        str | None,
        typer.Option(
            metavar="D",
            help="Where no progress is drawn, say how far the run is every D (10s, 5m); 0: never. "
            f"(default: {STATS_SECONDS}s)",
            rich_help_panel=panels.REPORT,
        ),
        OnResume.MAY_DIFFER,
    ] = None


class FailuresOption(OptionGroup):
    """Where failed records are written."""

    failures: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write failed records to FILE, ready to be fed back.",
            rich_help_panel=panels.REPORT,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None


class OutputOption(OptionGroup):
    """Where records or differences are written, if not to stdout."""

    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write to FILE, compressed if it ends in .gz or .zst. It is named FILE.part until "
            "it is complete.",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
