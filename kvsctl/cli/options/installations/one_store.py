"""Options of commands that work on several installations, for commands that do not.

They are hidden, and refused with a reason: `No such option` would leave users without a way.
"""

from pathlib import Path
from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup


class OneStoreOptions(OptionGroup):
    """What would name several installations."""

    all_installations: Annotated[
        bool,
        typer.Option("--all-installations", hidden=True),
        OnResume.CHECKED_ELSEWHERE,
    ] = False
    installations_file: Annotated[
        Path | None,
        typer.Option("--installations-file", hidden=True),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
