"""How a target is asked whether it answers."""

from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup
from kvsctl.cli.options import panels
from kvsctl.config.settings import DEFAULTS


class PingOptions(OptionGroup):
    """How a target is asked whether it answers."""

    count: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            max=1000,
            help="Requests to send, one after the other. Each costs a read unit. (default: 5)",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = 5
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help=f"Give up on a request after S seconds. (default: {DEFAULTS.timeout:g})",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print the result as one line of JSON.", rich_help_panel=panels.REPORT
        ),
        OnResume.MAY_DIFFER,
    ] = False
