"""How a run works."""

from dataclasses import dataclass
from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume
from kvsctl.cli.options import panels


@dataclass(frozen=True, slots=True)
class RunningOptions:
    """How the run works; None: from the environment, the configuration file or the default."""

    concurrency: Annotated[
        int | None,
        typer.Option(
            "--concurrency",
            "-c",
            metavar="N",
            help="Requests at a time. (default: as many as help)",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    batch_size: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Records a request. (default 25)", rich_help_panel=panels.RUNNING
        ),
        OnResume.MAY_DIFFER,
    ] = None
    max_batch_bytes: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Bytes a request. (default 4000000)", rich_help_panel=panels.RUNNING
        ),
        OnResume.MAY_DIFFER,
    ] = None
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help="Seconds to wait for an answer. (default 30)",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    retries: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="How often a record is sent again. (default 8)",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    give_up_after: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Stop after N failed requests in a row. (default 20)",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    patience: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help="Stop when all that came for S seconds is 429. (default 300)",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    max_failures: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Stop after N failed records.", rich_help_panel=panels.RUNNING
        ),
        OnResume.MAY_DIFFER,
    ] = None
    quota_share: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="How much of the documented quota to use; the rest is the app's. (default 0.7)",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    rps: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Requests a second, in place of the share; 0: any number.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    units_per_min: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Quota units a minute, in place of the share; 0: any number.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None


@dataclass(frozen=True, slots=True)
class VerifyOption:
    """Whether what was written is read back."""

    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Read back what was written, and fail what is not there.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = False
