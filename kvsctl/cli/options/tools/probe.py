"""Which questions a target is asked, and what is written for that."""

from pathlib import Path
from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup, made
from kvsctl.cli.options import panels
from kvsctl.cli.options.report import Quiet


class ProbeOptions(OptionGroup):
    """The questions, and the scratch records and the profile that they need."""

    ask: Annotated[
        list[str],
        typer.Option(
            metavar="QUESTION",
            help="Ask only this question; -n names them. Repeatable. (default: all but quota)",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MAY_DIFFER,
    ] = made(factory=list)
    use_up_quota: Annotated[
        bool,
        typer.Option(
            "--use-up-quota",
            help="Also ask about the quota: takes it from the app for about ten minutes.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MAY_DIFFER,
    ] = False
    prefix: Annotated[
        str | None,
        typer.Option(
            metavar="P",
            help="Write scratch records below this prefix. (default: kvsctl-probe:RANDOM:)",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the profile to FILE, for serve --profile and the configuration file.",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            "-n",
            help="Send nothing; say what would be asked and what it costs.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = False
    quiet: Quiet = False
