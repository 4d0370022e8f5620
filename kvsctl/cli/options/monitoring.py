"""Who is notified of a job that runs by itself, and how its log is written."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup
from kvsctl.cli.options import panels


class MonitoringOptions(OptionGroup):
    """Who is notified of a job that runs by itself, and how its log is written."""

    ping_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Signal the start to URL/start, and the end to URL/EXIT_CODE.",
            rich_help_panel=panels.REPORT,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    metrics_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write how the run ended to FILE, for Prometheus.",
            rich_help_panel=panels.REPORT,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    log_format: Annotated[
        Literal["text", "json"],
        typer.Option(
            help="Write to stderr for people, or one JSON object per line.",
            rich_help_panel=panels.REPORT,
        ),
        OnResume.MAY_DIFFER,
    ] = "text"
