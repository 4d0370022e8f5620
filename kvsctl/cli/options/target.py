"""Which store, and as whom."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume
from kvsctl.cli.options import panels


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """Which store, and as whom."""

    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            "-t",
            metavar="NAME",
            help="local, forge, container, or a target of the configuration file.",
            rich_help_panel=panels.TARGET,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Base URL of the service.", rich_help_panel=panels.TARGET),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Read the token from FILE.", rich_help_panel=panels.TARGET
        ),
        OnResume.MAY_DIFFER,
    ] = None
    token_command: Annotated[
        str | None,
        typer.Option(
            metavar="CMD", help="Run CMD, which prints the token.", rich_help_panel=panels.TARGET
        ),
        OnResume.MAY_DIFFER,
    ] = None
    installation: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="In a Forge Container: whose store.", rich_help_panel=panels.TARGET
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
    allow_http: Annotated[
        bool,
        typer.Option(
            "--allow-http",
            help="Allow plain http to other machines.",
            rich_help_panel=panels.TARGET,
        ),
        OnResume.MAY_DIFFER,
    ] = False
