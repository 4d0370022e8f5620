"""Options of unattended jobs: locks, monitoring, and the format of the log."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup
from kvsctl.cli.options import panels


class LockOptions(OptionGroup):
    """Which lock keeps a second run out."""

    lock: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Hold a lock on FILE while working; exit with 75 if another run holds it.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    lock_wait: Annotated[
        str | None,
        typer.Option(
            metavar="D",
            help="Wait for the lock for at most D (30s, 10m).",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None


class SpentTime(OptionGroup):
    """How much of the time of `--max-duration` is over. It is not an option."""

    seconds: float = 0.0


class MonitoringOptions(OptionGroup):
    """Who is notified of an unattended job, and how its log is written."""

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
            help="Write the result of the run to FILE, for Prometheus.",
            rich_help_panel=panels.REPORT,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    log_format: Annotated[
        Literal["text", "json"],
        typer.Option(
            help="Write stderr as text for people, or as one JSON object per line.",
            rich_help_panel=panels.REPORT,
        ),
        OnResume.MAY_DIFFER,
    ] = "text"
