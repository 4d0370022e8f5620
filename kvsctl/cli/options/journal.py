"""How a stopped run is resumed."""

from pathlib import Path
from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup
from kvsctl.cli.options import panels


class JournalOptions(OptionGroup):
    """How a stopped run is resumed."""

    journal: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Record progress in FILE; rerun the same command to resume.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    journal_force: Annotated[
        bool,
        typer.Option(
            "--journal-force",
            help="Resume even if the input or its options have changed.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = False


class RetryFailedOption(OptionGroup):
    """Whether failures in the journal are retried."""

    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed",
            help="Retry the failures in the journal.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = False
