"""How settings are shown, and the settings of a new target."""

from pathlib import Path
from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup
from kvsctl.cli.options import panels
from kvsctl.cli.options.target import AllowHttp


class JsonOption(OptionGroup):
    """The output for programs."""

    json: Annotated[
        bool,
        typer.Option("--json", help="Print one line of JSON.", rich_help_panel=panels.REPORT),
        OnResume.MAY_DIFFER,
    ] = False


class InitOptions(OptionGroup):
    """The settings of a new target; None: ask the user."""

    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Name of the new target, for -t NAME."),
        OnResume.MAY_DIFFER,
    ] = None
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="URL of its bridge, or base URL of the service."),
        OnResume.MAY_DIFFER,
    ] = None
    bridge: Annotated[
        bool | None,
        typer.Option("--bridge/--no-bridge", help="Whether the URL is that of a bridge."),
        OnResume.MAY_DIFFER,
    ] = None
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File that holds its token."),
        OnResume.MAY_DIFFER,
    ] = None
    token_command: Annotated[
        str | None,
        typer.Option(metavar="CMD", help="Command that prints its token."),
        OnResume.MAY_DIFFER,
    ] = None
    make_default: Annotated[
        bool | None,
        typer.Option("--default/--no-default", help="Whether commands without -t work on it."),
        OnResume.MAY_DIFFER,
    ] = None
    allow_http: AllowHttp = False
