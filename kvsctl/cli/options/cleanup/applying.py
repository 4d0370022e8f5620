"""Which plan is carried out, and how."""

from pathlib import Path
from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup
from kvsctl.cli.options import panels


class ApplyOptions(OptionGroup):
    """Which plan is carried out, and whether it is only shown."""

    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="PLAN", help="The file that --plan wrote; - is stdin.", show_default=False
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
    show: Annotated[
        bool,
        typer.Option(
            "--show",
            help="Print what the plan would do, a line per key, and do nothing.",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.MAY_DIFFER,
    ] = False
    max_delete: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Change nothing if the plan deletes more than N records.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
