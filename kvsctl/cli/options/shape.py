"""What objects and rows that are no records as they stand are made of."""

from dataclasses import dataclass
from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume
from kvsctl.cli.options import panels


@dataclass(frozen=True, slots=True)
class ShapeOptions:
    """Where in objects and rows the key stands."""

    key_field: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The key is the member or column NAME.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
    key: Annotated[
        str | None,
        typer.Option(
            metavar="TEMPLATE",
            help="The key is made of members or columns: 'user:{id}'.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
    delimiter: Annotated[
        str | None,
        typer.Option(
            metavar="C",
            help="What stands between cells. (default: comma for csv, tab for tsv)",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None


@dataclass(frozen=True, slots=True)
class ValueOptions:
    """What form files of records have, and where in objects and rows the value stands."""

    format: Annotated[
        str | None,
        typer.Option(
            metavar="jsonl|json|csv|tsv",
            help="Form of the input. By default from the suffix or the first bytes.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
    value_field: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The value is the member or column NAME.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
    infer_types: Annotated[
        bool,
        typer.Option(
            "--infer-types",
            help="A cell that is JSON is that, and no string.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MUST_MATCH,
    ] = False


@dataclass(frozen=True, slots=True)
class KeyFormOption:
    """What form files of keys have."""

    format: Annotated[
        str | None,
        typer.Option(
            metavar="jsonl|json|csv|tsv|keys",
            help="Form of the input. By default from the suffix or the first bytes.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
