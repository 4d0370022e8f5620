"""Options of `set` only."""

from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup
from kvsctl.cli.options import panels


class SetOptions(OptionGroup):
    """Options of `set` only."""

    pairs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="VALUE is parsed as JSON if possible, else taken as a string.",
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
    string: Annotated[
        bool,
        typer.Option("--string", help="Never parse VALUE as JSON.", rich_help_panel=panels.INPUT),
        OnResume.MUST_MATCH,
    ] = False
    ttl: Annotated[
        str | None,
        typer.Option(
            metavar="TTL",
            help='Default time to live for records without "ttl": 45s, 30m, 12h, 7d.',
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
