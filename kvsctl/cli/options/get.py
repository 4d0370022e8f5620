"""What only `get` takes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume
from kvsctl.cli.options import panels


@dataclass(frozen=True, slots=True)
class GetOptions:
    """What only `get` takes."""

    values: Annotated[
        bool,
        typer.Option("--values", help="Print the bare JSON values.", rich_help_panel=panels.OUTPUT),
        OnResume.MUST_MATCH,
    ] = False
    raw: Annotated[
        bool,
        typer.Option(
            "--raw", help="As --values, strings without quotes.", rich_help_panel=panels.OUTPUT
        ),
        OnResume.MUST_MATCH,
    ] = False
    metadata: Annotated[
        str | None,
        typer.Option(
            metavar="[LIST]",
            help="Add created,updated,expires, or those that LIST names.",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
    unordered: Annotated[
        bool,
        typer.Option(
            "--unordered", help="Print records as they arrive.", rich_help_panel=panels.OUTPUT
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = False
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write to FILE; FILE.part until it is complete.",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
    ignore_missing: Annotated[
        bool,
        typer.Option(
            "--ignore-missing",
            help="Skip keys that do not exist.",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.MUST_MATCH,
    ] = False
    skip_expired: Annotated[
        bool,
        typer.Option(
            "--skip-expired",
            help="Skip records whose time is past.",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.MUST_MATCH,
    ] = False
