"""Which installations a command works on, in addition to `--installation`."""

from pathlib import Path
from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup
from kvsctl.cli.options import panels


class InstallationsFileOption(OptionGroup):
    """A file that names installations."""

    installations_file: Annotated[
        Path | None,
        typer.Option(
            "--installations-file",
            metavar="FILE",
            help='Work on the installations in FILE, one per line: {"installation": ID}, with '
            '"url" and "token_file" or "token_command" outside of a Forge Container.',
            rich_help_panel=panels.INSTALLATIONS,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None


class AllInstallationsOption(OptionGroup):
    """Whether a command works on every installation."""

    all_installations: Annotated[
        bool,
        typer.Option(
            "--all-installations",
            help="Work on every installation of the app, in a Forge Container.",
            rich_help_panel=panels.INSTALLATIONS,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = False
