"""How a store is listed, and what `list`, `export` and `du` print."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup
from kvsctl.cli.options import panels

SkipExpired: TypeAlias = Annotated[
    bool,
    typer.Option("--skip-expired", help="Skip expired records.", rich_help_panel=panels.OUTPUT),
    OnResume.MUST_MATCH,
]


class ConsistentOption(OptionGroup):
    """Whether listed records are read again."""

    consistent: Annotated[
        bool,
        typer.Option(
            "--consistent",
            help="Read each listed key again by batch/get, as queries lag behind writes. Costs at "
            "least 40 units more per 1,000 keys.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MUST_MATCH,
    ] = False


class ListOptions(OptionGroup):
    """How `list` prints keys, and how many."""

    as_: Annotated[
        Literal["keys", "jsonl", "json", "csv", "table"] | None,
        typer.Option(
            "--as",
            help="Form of the output. (default: keys, or a table with --long)",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
    long: Annotated[
        bool,
        typer.Option(
            "--long",
            "-l",
            help="Print size, created, updated and expires as well. May need to read each key "
            "again.",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.MUST_MATCH,
    ] = False
    limit: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Print the first N keys only.",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
    count: Annotated[
        bool,
        typer.Option(
            "--count", help="Print only the number of keys.", rich_help_panel=panels.OUTPUT
        ),
        OnResume.MUST_MATCH,
    ] = False
    unordered: Annotated[
        bool,
        typer.Option(
            "--unordered",
            help="Read several ranges of keys at a time, which is faster in large stores.",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.MUST_MATCH,
    ] = False


class ExportOptions(OptionGroup):
    """What `export` writes, and where."""

    skip_expired: SkipExpired = False
    manifest: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the manifest to FILE. (default: beside the output, if it is a file)",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.MAY_DIFFER,
    ] = None


class UsageOptions(OptionGroup):
    """What `du` sums up, and how it prints the sums."""

    depth: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Sum up by the first N levels of keys after PREFIX. 0: only a total.",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.MUST_MATCH,
    ] = 1
    separator: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="End a level of keys at TEXT. (default: the first of : # . _ - that the key has)",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
    top: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="Show the N prefixes with the most bytes, and the sum of the others. (default: "
            "20 in a table, 1000 in JSON)",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
    as_: Annotated[
        Literal["table", "json"] | None,
        typer.Option(
            "--as",
            help="Form of the output. (default: a table on a terminal, otherwise JSON)",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
