"""Which rules a store is cleaned up by."""

from pathlib import Path
from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup
from kvsctl.cli.options import panels


class RulesOption(OptionGroup):
    """The retention file."""

    rules: Annotated[
        list[Path] | None,
        typer.Option(
            "--file",
            "-f",
            metavar="FILE",
            help="The rules, in TOML. (required)",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
