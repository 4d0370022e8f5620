"""Options of `get` only."""

from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup
from kvsctl.cli.options import panels
from kvsctl.cli.options.listing import SkipExpired


class GetOptions(OptionGroup):
    """Options of `get` only."""

    values: Annotated[
        bool,
        typer.Option("--values", help="Print only the JSON values.", rich_help_panel=panels.OUTPUT),
        OnResume.MUST_MATCH,
    ] = False
    raw: Annotated[
        bool,
        typer.Option(
            "--raw", help="Like --values, with strings unquoted.", rich_help_panel=panels.OUTPUT
        ),
        OnResume.MUST_MATCH,
    ] = False
    metadata: Annotated[
        str | None,
        typer.Option(
            metavar="[LIST]",
            help="Print created,updated,expires as well, or only those in LIST.",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
    unordered: Annotated[
        bool,
        typer.Option(
            "--unordered",
            help="Print records as they arrive, not in input order.",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = False
    ignore_missing: Annotated[
        bool,
        typer.Option(
            "--ignore-missing",
            help="Skip keys that do not exist.",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.MUST_MATCH,
    ] = False
    skip_expired: SkipExpired = False
