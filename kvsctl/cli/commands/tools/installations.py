"""kvsctl installations: list the installations of an app."""

from typing import Annotated, Literal

import typer

from kvsctl.cli.option_groups import Given, OnResume, OptionGroup, takes
from kvsctl.cli.options import panels
from kvsctl.cli.options.installations.choosing import InstallationsFileOption
from kvsctl.cli.options.target import TargetOptions


class InstallationsOptions(OptionGroup):
    """How installations are printed."""

    as_: Annotated[
        Literal["table", "jsonl"] | None,
        typer.Option(
            "--as",
            help="Form of the output. (default: a table on a terminal, otherwise jsonl)",
            rich_help_panel=panels.OUTPUT,
        ),
        OnResume.MAY_DIFFER,
    ] = None


@takes(TargetOptions, InstallationsFileOption, InstallationsOptions)
def installations_command(given: Given) -> None:
    """List the installations of an app.

    The list is that of the proxy of a Forge Container, or with --installations-file, that of the
    file, which is checked first. As JSON Lines, it can be used as such a file.
    """
    import os
    import sys

    from kvsctl.cli.installations.chosen import chosen_installations
    from kvsctl.config.file import read_config
    from kvsctl.jobs.event_loop import on_a_loop
    from kvsctl.jobs.installations.choosing.printing import print_installations
    from kvsctl.report.console import Environment

    environment = Environment.of_process()
    style = given.of(InstallationsOptions).as_
    as_table = environment.stdout_is_terminal if style is None else style == "table"
    choice = chosen_installations(given, read_config(os.environ))
    allow_http = given.of(TargetOptions).allow_http
    work = print_installations(choice, environment, as_table=as_table, allow_http=allow_http)
    sys.exit(on_a_loop(work, has_network=True))
