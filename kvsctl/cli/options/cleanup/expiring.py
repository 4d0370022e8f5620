"""The ttl that records are given."""

from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup
from kvsctl.cli.options import panels


class ExpireOptions(OptionGroup):
    """Options of `expire` only."""

    ttl: Annotated[
        str | None,
        typer.Option(
            metavar="TTL",
            help="Let records expire this long after they are written: 45s, 30m, 12h, 7d. "
            "(required)",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MUST_MATCH,
    ] = None
