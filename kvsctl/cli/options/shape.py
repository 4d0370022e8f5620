"""How objects and rows in other shapes become records."""

from typing import Annotated, Final

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup
from kvsctl.cli.options import panels

_FORMAT: Final = "Input format. (default: by suffix, else by the first bytes)"


class ShapeOptions(OptionGroup):
    """Where objects and rows have their key."""

    key_field: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Take the key from the member or column NAME.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
    key: Annotated[
        str | None,
        typer.Option(
            metavar="TEMPLATE",
            help="Build the key from members or columns, such as 'user:{id}'.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
    delimiter: Annotated[
        str | None,
        typer.Option(
            metavar="C",
            help="Field delimiter. (default: comma for csv, tab for tsv)",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
    quote: Annotated[
        str | None,
        typer.Option(
            metavar="double|none",
            help="Quoting of cells; none takes quotes as they are. (default: double)",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None


class ValueOptions(OptionGroup):
    """The format of files of records, and where objects and rows have their value."""

    format: Annotated[
        str | None,
        typer.Option(
            metavar="jsonl|json|csv|tsv",
            help=_FORMAT,
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
    value_field: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Take the value from the member or column NAME.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
    infer_types: Annotated[
        str | None,
        typer.Option(
            "--infer-types",
            metavar="[=C]",
            help="Parse cells as JSON where possible; =C,C: those of columns C.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None


class KeyFormOption(OptionGroup):
    """The format of files of keys."""

    format: Annotated[
        str | None,
        typer.Option(
            metavar="jsonl|json|csv|tsv|keys",
            help=_FORMAT,
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
