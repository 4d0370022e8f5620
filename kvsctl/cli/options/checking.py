"""What the input is checked against."""

from pathlib import Path
from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup
from kvsctl.cli.options import panels


class DryRunOption(OptionGroup):
    """Whether nothing is changed at all."""

    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            "-n",
            help="Send nothing; list problems and what the run would cost.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = False


class CheckingOptions(DryRunOption):
    """What the input is checked against before anything is sent."""

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
            help="Do not check keys, values and ttl; leave that to the service.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = False
    require_input: Annotated[
        bool,
        typer.Option(
            "--require-input",
            help="Fail if the input is empty.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MAY_DIFFER,
    ] = False
    check_first: Annotated[
        bool,
        typer.Option(
            "--check-first",
            help="Check the whole input first; send nothing if anything is wrong.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MAY_DIFFER,
    ] = False
