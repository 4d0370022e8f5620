"""How a run works."""

from typing import Annotated, TypeAlias

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup
from kvsctl.cli.options import panels
from kvsctl.config.settings import DEFAULTS


def _default(value: float) -> str:
    return f"(default: {value:g})" if isinstance(value, float) else f"(default: {value})"


Timeout: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="D",
        help=f"Give up on a request after D (5s, 2m). {_default(DEFAULTS.timeout)}",
        rich_help_panel=panels.TUNING,
    ),
    OnResume.MAY_DIFFER,
]


class RunningOptions(OptionGroup):
    """How a run works; None: from the environment, the configuration file or the default."""

    concurrency: Annotated[
        int | None,
        typer.Option(
            "--concurrency",
            "-c",
            metavar="N",
            help="Requests in flight at a time. (default: as many as help)",
            rich_help_panel=panels.TUNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    batch_size: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help=f"Records per request. {_default(DEFAULTS.batch_size)}",
            rich_help_panel=panels.TUNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    max_batch_bytes: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help=f"Bytes per request. {_default(DEFAULTS.max_batch_bytes)}",
            rich_help_panel=panels.TUNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    timeout: Timeout = None
    retries: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help=f"Retries per record. {_default(DEFAULTS.retries)}",
            rich_help_panel=panels.TUNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    give_up_after: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Give up after N consecutive failed requests. " + _default(DEFAULTS.give_up_after),
            rich_help_panel=panels.TUNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    patience: Annotated[
        str | None,
        typer.Option(
            metavar="D",
            help="Give up after D of nothing but 429 responses. " + _default(DEFAULTS.patience),
            rich_help_panel=panels.TUNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    max_failures: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Give up after N failed records.", rich_help_panel=panels.TUNING
        ),
        OnResume.MAY_DIFFER,
    ] = None
    quota_share: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Share of the documented quota to use; the rest is left to the app. "
            + _default(DEFAULTS.quota_share),
            rich_help_panel=panels.TUNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    rps: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Requests per second, instead of the share; 0: no limit.",
            rich_help_panel=panels.TUNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    units_per_min: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Quota units per minute, instead of the share; 0: no limit.",
            rich_help_panel=panels.TUNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None
    max_duration: Annotated[
        str | None,
        typer.Option(
            metavar="D",
            help="Take no new work after D (55m, 12h), finish what was begun, exit with 75.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None


class QuotaParts(OptionGroup):
    """The number of parts that work at the same time and divide a quota. It is not an option.

    `commands`: how many commands read this store at the same time. `shards_of_installations`: how
    many commands divide the installations of an app, and so the quotas that these share.
    """

    parts: int = 1
    commands: int = 1
    shards_of_installations: int = 1


class VerifyOption(OptionGroup):
    """Whether written records are read back."""

    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Read back each written record; fail it if it is not there.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = False
