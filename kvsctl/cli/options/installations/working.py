"""How a command works on several installations."""

from pathlib import Path
from typing import Annotated, Final

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup
from kvsctl.cli.options import panels
from kvsctl.cli.options.installations.choosing import (
    AllInstallationsOption,
    InstallationsFileOption,
)

AT_ONCE: Final = 50
"""How many installations are worked on at the same time, unless the user says otherwise."""


class InstallationsOptions(OptionGroup):
    """How many installations are worked on at a time, and when no more are begun."""

    at_once: Annotated[
        int,
        typer.Option(
            "--at-once",
            metavar="N",
            min=1,
            max=1000,
            help="Work on N installations at the same time.",
            rich_help_panel=panels.INSTALLATIONS,
        ),
        OnResume.MAY_DIFFER,
    ] = AT_ONCE
    ledger: Annotated[
        Path | None,
        typer.Option(
            "--ledger",
            metavar="FILE",
            help="Note each finished installation in FILE; rerun the same command to resume.",
            rich_help_panel=panels.INSTALLATIONS,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    canary: Annotated[
        int,
        typer.Option(
            "--canary",
            metavar="N",
            min=0,
            help="Work on N installations first; begin the others only if these succeed.",
            rich_help_panel=panels.INSTALLATIONS,
        ),
        OnResume.MAY_DIFFER,
    ] = 0
    stop_after_failed_installations: Annotated[
        str | None,
        typer.Option(
            "--stop-after-failed-installations",
            metavar="N|P%",
            help="Begin no other installation after N, or P% of all, have failed.",
            rich_help_panel=panels.INSTALLATIONS,
        ),
        OnResume.MAY_DIFFER,
    ] = None

    @property
    def given_flags(self) -> list[tuple[str, bool]]:
        """The options that mean nothing for one installation, and whether each was given."""
        return [
            ("--ledger", self.ledger is not None),
            ("--canary", self.canary > 0),
            (
                "--stop-after-failed-installations",
                self.stop_after_failed_installations is not None,
            ),
        ]


SEVERAL_INSTALLATIONS: Final = (
    InstallationsFileOption,
    AllInstallationsOption,
    InstallationsOptions,
)
"""The groups that a command on several installations takes."""
