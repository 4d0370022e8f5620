"""When a job runs by itself: which lock it takes."""

from pathlib import Path
from typing import Annotated

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
