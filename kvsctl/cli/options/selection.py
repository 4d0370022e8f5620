"""Which records of a store a command works on."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup, made
from kvsctl.cli.options import panels
from kvsctl.cli.options.input import resolved_shard


class PrefixArgument(OptionGroup):
    """The prefix of the keys to work on, as an argument."""

    prefix: Annotated[
        str | None,
        typer.Argument(
            metavar="[PREFIX]",
            help="Keys that begin with PREFIX: only these are read. (default: all)",
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None


class SelectionOptions(OptionGroup):
    """Which records of a store to work on. All conditions must hold."""

    all: Annotated[
        bool,
        typer.Option("--all", help="All keys.", rich_help_panel=panels.SELECTION),
        OnResume.CHECKED_ELSEWHERE,
    ] = False
    match: Annotated[
        list[str],
        typer.Option(
            metavar="GLOB",
            help="Keys that match GLOB, such as 'user:*'. Reads only keys with its literal "
            "beginning. Repeatable: any of them.",
            rich_help_panel=panels.SELECTION,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = made(factory=list)
    exclude: Annotated[
        list[str],
        typer.Option(
            metavar="GLOB",
            help="Leave out keys that match GLOB; they are still read. Repeatable.",
            rich_help_panel=panels.SELECTION,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = made(factory=list)
    regex: Annotated[
        list[str],
        typer.Option(
            metavar="RE",
            help="Keys in which RE matches. Reads all keys, or only those with the literal text "
            "after ^. Repeatable: any of them.",
            rich_help_panel=panels.SELECTION,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = made(factory=list)
    older_than: Annotated[
        str | None,
        typer.Option(
            metavar="AGE",
            help="Records updated before AGE, such as 30d or 2026-01-31. May need to read each "
            "key again.",
            rich_help_panel=panels.SELECTION,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
    newer_than: Annotated[
        str | None,
        typer.Option(
            metavar="AGE",
            help="Records updated at AGE or later. May need to read each key again.",
            rich_help_panel=panels.SELECTION,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
    by: Annotated[
        Literal["updated", "created"],
        typer.Option(
            help="The time that an age counts from.",
            rich_help_panel=panels.SELECTION,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = "updated"
    age_from: Annotated[
        str | None,
        typer.Option(
            metavar="WHERE",
            help="Ages count from a time that the app keeps: value.PATH, such as value.updatedAt "
            "(epoch or ISO 8601), or key:FORMAT, such as key:log-%Y-%m-%d. Records without a "
            "readable time are not chosen, and counted as undecided.",
            rich_help_panel=panels.SELECTION,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
    expired: Annotated[
        bool,
        typer.Option(
            "--expired",
            help="Expired records that the service has not removed yet. The others are still read.",
            rich_help_panel=panels.SELECTION,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = False
    no_expiry: Annotated[
        bool,
        typer.Option(
            "--no-expiry",
            help="Records without a ttl. The others are still read.",
            rich_help_panel=panels.SELECTION,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = False
    larger_than: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Records whose value is larger than SIZE, such as 10k. The others are still read.",
            rich_help_panel=panels.SELECTION,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
    where: Annotated[
        list[str],
        typer.Option(
            metavar="EXPR",
            help="Records for which the JMESPath expression EXPR is exactly true. An example is "
            "'value.plan == `\"free\"`'. It reads key, value, entityName, createdAt, updatedAt, "
            "expireTime and size; the two times may need to read each key again. Any result "
            "except true and false is counted as undecided. Repeatable: all of them.",
            rich_help_panel=panels.SELECTION,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = made(factory=list)


class ProtectOption(OptionGroup):
    """Which keys are never chosen."""

    protect: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Never choose the keys in FILE, whatever else matches. It has one key or glob per "
            "line.",
            rich_help_panel=panels.SELECTION,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None


class ShardSelector(OptionGroup):
    """Which part of the keys to work on, of those that the other selectors choose."""

    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            callback=resolved_shard,
            help="Work only on the I-th of N parts of the keys (all are read), with 1/N of the "
            "quota share; or of several installations. auto: the part of this array task.",
            rich_help_panel=panels.SELECTION,
        ),
        OnResume.MUST_MATCH,
    ] = None


class EntityOptions(OptionGroup):
    """Which custom entities to work on, and by which index."""

    entity: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="Records of the entity NAME instead of plain keys. Repeatable.",
            rich_help_panel=panels.SELECTION,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = made(factory=list)
    plain: Annotated[
        bool,
        typer.Option(
            "--plain", help="With --entity: also plain keys.", rich_help_panel=panels.SELECTION
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = False
    index: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Read the entity by this index, one page at a time. (default: by-key)",
            rich_help_panel=panels.SELECTION,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
    partition: Annotated[
        list[str],
        typer.Option(
            metavar="VALUE",
            help="Value of the index's partition, JSON or else a string. Reads only this "
            "partition. Repeatable, in order.",
            rich_help_panel=panels.SELECTION,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = made(factory=list)
    range: Annotated[
        str | None,
        typer.Option(
            metavar="RANGE",
            help="Range of the index: 1..9, '>=5', '<5', '=5' or 'text*'. Reads only this.",
            rich_help_panel=panels.SELECTION,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
