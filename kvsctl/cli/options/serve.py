"""The options of `kvsctl serve`, in groups."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import typer

_SERVING, _OPEN, _QUOTAS = "Serving", "What the service's documents leave open", "Quotas and faults"


@dataclass(frozen=True, slots=True)
class ServingOptions:
    """Where, from what, for whom."""

    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Address to serve on; any but loopback needs --token.",
            rich_help_panel=_SERVING,
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        typer.Option(metavar="N", help="Port; 0 takes a free one.", rich_help_panel=_SERVING),
    ] = 8787
    db: Annotated[
        str,
        typer.Option(
            metavar="PATH",
            help="SQLite file to keep records in, or :memory:.",
            rich_help_panel=_SERVING,
        ),
    ] = ":memory:"
    seed: Annotated[
        list[Path],
        typer.Option(
            metavar="FILE", help="Load JSON Lines records first.", rich_help_panel=_SERVING
        ),
    ] = field(default_factory=list)
    manifest: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The app's manifest.yml: its entities are enforced.",
            rich_help_panel=_SERVING,
        ),
    ] = None
    token: Annotated[
        list[str],
        typer.Option(
            metavar="[INSTALLATION=]TOKEN",
            help="Let in callers with TOKEN only, each to its own store or to INSTALLATION's. "
            "May be given again.",
            rich_help_panel=_SERVING,
        ),
    ] = field(default_factory=list)
    installation: Annotated[
        list[str],
        typer.Option(
            metavar="ID",
            help="An installation to list from the start. May be given again.",
            rich_help_panel=_SERVING,
        ),
    ] = field(default_factory=list)
    host_name: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="Answer requests to NAME besides localhost.",
            rich_help_panel=_SERVING,
        ),
    ] = field(default_factory=list)
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="A line a request.", rich_help_panel=_SERVING),
    ] = False


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """One switch for each open point of the contract."""

    bad_record: Annotated[
        Literal["fails-alone", "refuses-batch"],
        typer.Option(help="What one bad record does to its batch.", rich_help_panel=_OPEN),
    ] = "fails-alone"
    missing_keys: Annotated[
        Literal["failed", "left-out"],
        typer.Option(help="Where batch/get puts missing keys.", rich_help_panel=_OPEN),
    ] = "failed"
    payload_status: Annotated[
        Literal["413", "400"],
        typer.Option(help="Status for a body too large.", rich_help_panel=_OPEN),
    ] = "413"
    ttl_less_set: Annotated[
        Literal["clears-expiry", "keeps-expiry"],
        typer.Option(help="What a set without ttl does.", rich_help_panel=_OPEN),
    ] = "clears-expiry"
    expiry: Annotated[
        Literal["lazy", "strict"],
        typer.Option(
            help="Serve expired records for 48 hours, or hide them at once.",
            rich_help_panel=_OPEN,
        ),
    ] = "lazy"
    normalise: Annotated[
        bool,
        typer.Option(
            "--normalise",
            help="Reorder members and round numbers as JavaScript does.",
            rich_help_panel=_OPEN,
        ),
    ] = False
    query_lag: Annotated[
        float,
        typer.Option(
            metavar="S", min=0, help="Seconds that queries lag writes.", rich_help_panel=_OPEN
        ),
    ] = 0.0
    query_metadata: Annotated[
        Literal["current", "stale", "omitted"],
        typer.Option(help="createdAt and updatedAt in query answers.", rich_help_panel=_OPEN),
    ] = "current"
    delete_cost: Annotated[
        Literal["size", "free"],
        typer.Option(help="Whether deletes cost units.", rich_help_panel=_OPEN),
    ] = "size"
    kb: Annotated[
        Literal["1000", "1024"],
        typer.Option(help="Bytes of a KB, of which a unit has 10.", rich_help_panel=_OPEN),
    ] = "1000"


@dataclass(frozen=True, slots=True)
class QuotaFlags:
    """Quotas and faults; all off by default."""

    quotas: Annotated[
        bool,
        typer.Option(
            "--quotas",
            help="Keep to the documented quotas; each option below does so too.",
            rich_help_panel=_QUOTAS,
        ),
    ] = False
    requests_per_second: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="(default 1000)", rich_help_panel=_QUOTAS),
    ] = None
    read_units: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Read units a minute (default 4000).", rich_help_panel=_QUOTAS
        ),
    ] = None
    write_units: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Write units a minute (default 4000).",
            rich_help_panel=_QUOTAS,
        ),
    ] = None
    minute: Annotated[
        float | None,
        typer.Option(
            metavar="S", help="Seconds of that minute (default 60).", rich_help_panel=_QUOTAS
        ),
    ] = None
    window: Annotated[
        Literal["fixed", "sliding", "bucket"] | None,
        typer.Option(help="Kind of window (default fixed).", rich_help_panel=_QUOTAS),
    ] = None
    announce: Annotated[
        Literal["retry-after", "reset", "nothing"] | None,
        typer.Option(
            help="What a 429 says of when (default retry-after).", rich_help_panel=_QUOTAS
        ),
    ] = None
    faults: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|SPEC",
            help="What goes wrong, such as seed=7,429=0.05,reset-after=0.01.",
            rich_help_panel=_QUOTAS,
        ),
    ] = None
