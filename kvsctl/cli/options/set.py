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
    changed_only: Annotated[
        bool,
        typer.Option(
            "--changed-only",
            help="Read each record first and write only those whose value differs. A write is "
            "billed 20 times a read.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MUST_MATCH,
    ] = False
    bytes: Annotated[
        bool,
        typer.Option(
            "--bytes",
            help="With --changed-only: compare values byte by byte, not as JSON.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MUST_MATCH,
    ] = False
    if_absent: Annotated[
        str | None,
        typer.Option(
            "--if-absent",
            metavar="[=exact]",
            help="Write only records whose key does not exist. Reads first, so another writer may "
            "come between; =exact lets the service decide, with one request and unit per record.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MUST_MATCH,
    ] = None
