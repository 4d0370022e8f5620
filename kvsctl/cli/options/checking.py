"""What input is held to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume
from kvsctl.cli.options import panels


@dataclass(frozen=True, slots=True)
class CheckingOptions:
    """What input is held to, before anything of it is sent."""

    limits: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Check against the limits in FILE (TOML or JSON).",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
    no_checks: Annotated[
        bool,
        typer.Option(
            "--no-checks",
            help="Let the service judge keys and values.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = False
    require_input: Annotated[
        bool,
        typer.Option(
            "--require-input",
            help="Fail if the input has no records.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MAY_DIFFER,
    ] = False
    check_first: Annotated[
        bool,
        typer.Option(
            "--check-first",
            help="Check all of the input first, and send nothing if anything is wrong.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MAY_DIFFER,
    ] = False
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            "-n",
            help="Send nothing: list what is wrong, and what the run would take.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = False
