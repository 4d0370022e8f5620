"""Which records are deleted, how many at most, and what is kept of records that change."""

from pathlib import Path
from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup
from kvsctl.cli.options import panels


class PrefixOption(OptionGroup):
    """The prefix of the keys to work on, as an option."""

    prefix_option: Annotated[
        str | None,
        typer.Option(
            "--prefix",
            metavar="P",
            help="Keys that begin with P.",
            rich_help_panel=panels.SELECTION,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None


class GuardOptions(OptionGroup):
    """How much may be deleted at most."""

    max_delete: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Delete nothing if it would be more than N records, or N% of the listed ones.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    max_delete_bytes: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Delete nothing if the values of what would be deleted take more than SIZE.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None


class UndoOptions(OptionGroup):
    """What is kept of records that are deleted or rewritten."""

    undo: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="First write what is deleted or rewritten to FILE, ready for set. {date} and "
            "{installation} in its name are replaced; it never replaces a file.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
    undo_keys_only: Annotated[
        bool,
        typer.Option(
            "--undo-keys-only",
            help="Write only the keys to the --undo file.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MUST_MATCH,
    ] = False


class PlanOptions(OptionGroup):
    """The plan that is written instead of changing anything, and what it holds."""

    plan: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Change nothing; write what would be done to FILE, a line per key for apply. "
            "{date} and {installation} in its name are replaced; - is stdout.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    with_values: Annotated[
        bool,
        typer.Option(
            "--with-values",
            help="Write the values to the --plan, too.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = False
