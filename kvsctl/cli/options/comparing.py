"""Options of the commands that compare: `diff`, `sync` and `verify`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup, made
from kvsctl.cli.options import panels
from kvsctl.cli.options.target import AllowHttp


class DiffOptions(OptionGroup):
    """What is compared, and how differences are printed."""

    file: Annotated[
        list[Path],
        typer.Option(
            "--file",
            "-f",
            metavar="FILE",
            help="Compare the records of FILE (left); - is stdin. Repeatable.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MAY_DIFFER,
    ] = made(factory=list)
    with_: Annotated[
        list[Path],
        typer.Option(
            "--with",
            metavar="FILE",
            help="Compare with the records of FILE (right), not with a target. Repeatable.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MAY_DIFFER,
    ] = made(factory=list)
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TARGET",
            help="Compare the records of TARGET (left), a name or a URL. KVSCTL_TOKEN is not "
            "used for it.",
            rich_help_panel=panels.TARGET,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    more: Annotated[
        list[str],
        typer.Argument(metavar="MORE", hidden=True),
        OnResume.MAY_DIFFER,
    ] = made(factory=list)
    bytes: Annotated[
        bool,
        typer.Option(
            "--bytes",
            help="Compare values byte by byte, not as JSON.",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.MAY_DIFFER,
    ] = False
    only: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Print only these differences: added,changed,missing.",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    as_: Annotated[
        Literal["text", "jsonl", "keys", "records"] | None,
        typer.Option(
            "--as",
            help="Print differences as text, JSON Lines, keys or set-ready records. "
            "(default: text on a terminal, else jsonl)",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.MAY_DIFFER,
    ] = None


class VerifyOptions(OptionGroup):
    """Which export is checked, and what it is compared with."""

    path: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="The export.", show_default=False),
        OnResume.MAY_DIFFER,
    ] = None
    against: Annotated[
        str | None,
        typer.Option(
            metavar="TARGET",
            help="Also compare the records with those of TARGET, a name or a URL.",
            rich_help_panel=panels.TARGET,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    sample: Annotated[
        str | None,
        typer.Option(
            metavar="K/N",
            help="With --against: compare a part of the records only, such as 1/20.",
            rich_help_panel=panels.TARGET,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    installation: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID",
            help="Id of the installation whose export it is.",
            rich_help_panel=panels.TARGET,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
    allow_http: AllowHttp = False


class SyncOptions(OptionGroup):
    """Where records come from, and under which keys they are written."""

    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TARGET",
            help="Read the records of TARGET, a name or a URL. KVSCTL_TOKEN is not used for it.",
            rich_help_panel=panels.TARGET,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
    key_template: Annotated[
        str | None,
        typer.Option(
            metavar="TEMPLATE",
            help="Write each record under another key, such as 'copy:{key}'. {rest} is what "
            "follows PREFIX in the key. Braces are written {{ and }}.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
    plan: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write a plan to FILE that deletes what TARGET lacks, for apply. {date} and "
            "{installation} in its name are replaced.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
