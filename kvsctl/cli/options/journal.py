"""How a run is gone on with that was stopped."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume
from kvsctl.cli.options import panels


@dataclass(frozen=True, slots=True)
class JournalOptions:
    """How a run is gone on with that was stopped."""

    journal: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep in FILE what is done; the same command goes on from there.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed",
            help="Try the failures in the journal again.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = False
    journal_force: Annotated[
        bool,
        typer.Option(
            "--journal-force",
            help="Go on though the input or its options have changed.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = False
