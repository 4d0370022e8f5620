"""Options of `ping` only."""

from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup
from kvsctl.cli.options import panels


class PingOptions(OptionGroup):
    """How often a target is asked."""

    count: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            max=1000,
            help="Requests to send, one after the other. Each costs a read unit.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = 5
