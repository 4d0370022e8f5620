"""Which store, and with which credentials."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup
from kvsctl.cli.options import panels

AllowHttp: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--allow-http",
        help="Allow unencrypted http to other hosts.",
        rich_help_panel=panels.TARGET,
    ),
    OnResume.MAY_DIFFER,
]


class TargetOptions(OptionGroup):
    """Which store, and with which credentials."""

    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            "-t",
            metavar="NAME",
            help="Target: local, forge, container or a configured one.",
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
            metavar="FILE",
            help="Read the token from FILE, not from KVSCTL_TOKEN.",
            rich_help_panel=panels.TARGET,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    token_command: Annotated[
        str | None,
        typer.Option(
            metavar="CMD",
            help="Run CMD and read the token from its output.",
            rich_help_panel=panels.TARGET,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    installation: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID",
            help="Id of the installation, in a Forge Container or of a bridge.",
            rich_help_panel=panels.TARGET,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
    allow_http: AllowHttp = False


class ConfirmOption(OptionGroup):
    """The name by which a protected target may be written to."""

    confirm: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Write to the target NAME although it is protected.",
            rich_help_panel=panels.TARGET,
        ),
        OnResume.MAY_DIFFER,
    ] = None


class RoundingOption(OptionGroup):
    """Whether numbers may be rounded by a bridge."""

    allow_rounding: Annotated[
        bool,
        typer.Option(
            "--allow-rounding",
            help="Accept numbers that a bridge rounds, or may have rounded.",
            rich_help_panel=panels.TARGET,
        ),
        OnResume.MAY_DIFFER,
    ] = False


class YesOption(OptionGroup):
    """Consent to deleting or rewriting records, without a question."""

    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            "-y",
            help="Do not ask; without a terminal, nothing is done unless this is given.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = False
