"""How a target is asked something, and how the answer is printed."""

from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup
from kvsctl.cli.options import panels
from kvsctl.cli.options.running import Timeout


class AskingOptions(OptionGroup):
    """The timeout of an answer, and how the result is printed."""

    timeout: Timeout = None
    json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print the result as one line of JSON.", rich_help_panel=panels.REPORT
        ),
        OnResume.MAY_DIFFER,
    ] = False
