"""What only `set` takes."""

from dataclasses import dataclass
from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume
from kvsctl.cli.options import panels


@dataclass(frozen=True, slots=True)
class SetOptions:
    """What only `set` takes."""

    pairs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="VALUE is JSON if it parses, else a string."),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
    string: Annotated[
        bool,
        typer.Option("--string", help="Take each VALUE as a string.", rich_help_panel=panels.INPUT),
        OnResume.MUST_MATCH,
    ] = False
    ttl: Annotated[
        str | None,
        typer.Option(
            metavar="TTL",
            help="Time to live of records that name none: 45s, 30m, 12h, 7d.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
