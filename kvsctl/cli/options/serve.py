"""The options of `kvsctl serve`, in groups."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from kvsctl.cli.option_groups import OptionGroup, made
from kvsctl.limits import DEFAULT_LIMITS

_SERVING, _OPEN, _QUOTAS = "Serving", "Undocumented behaviour", "Quotas and faults"


class ServingOptions(OptionGroup):
    """Where the emulator listens, what it serves and which callers it accepts."""

    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Address to listen on; any but loopback requires --token or "
            "--accept-proxy-header.",
            rich_help_panel=_SERVING,
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        typer.Option(
            metavar="N", help="Port to listen on; 0 picks a free one.", rich_help_panel=_SERVING
        ),
    ] = 8787
    db: Annotated[
        str,
        typer.Option(
            metavar="PATH",
            help="SQLite file that holds the records, or :memory:.",
            rich_help_panel=_SERVING,
        ),
    ] = ":memory:"
    seed: Annotated[
        list[Path],
        typer.Option(
            metavar="FILE",
            help="Load the records of this JSON Lines file first. Repeatable.",
            rich_help_panel=_SERVING,
        ),
    ] = made(factory=list)
    import_: Annotated[
        Path | None,
        typer.Option(
            "--import",
            metavar="FILE",
            help="Load the records of an export first. FILE may be missing if it is the one of "
            "--export-on-exit.",
            rich_help_panel=_SERVING,
        ),
    ] = None
    export_on_exit: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write all records but secrets to FILE when the emulator stops, compressed if it "
            "ends in .gz or .zst.",
            rich_help_panel=_SERVING,
        ),
    ] = None
    manifest: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Enforce the entities that this manifest.yml declares.",
            rich_help_panel=_SERVING,
        ),
    ] = None
    token: Annotated[
        list[str],
        typer.Option(
            metavar="[INSTALLATION=]TOKEN",
            help="Accept only callers with a TOKEN. Each token opens a store of its own, or the "
            "store of INSTALLATION. Repeatable.",
            rich_help_panel=_SERVING,
        ),
    ] = made(factory=list)
    accept_proxy_header: Annotated[
        bool,
        typer.Option(
            "--accept-proxy-header",
            help="Accept only callers with a forge-proxy-authorization header, as containers send "
            "it, or a TOKEN.",
            rich_help_panel=_SERVING,
        ),
    ] = False
    admin_token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            help="Open /_emulator/ and the page to callers with TOKEN, from any address, and to no "
            "others. "
            "(default: callers on this machine)",
            rich_help_panel=_SERVING,
        ),
    ] = None
    installation: Annotated[
        list[str],
        typer.Option(
            metavar="ID",
            help="List this installation even before it has records. Repeatable.",
            rich_help_panel=_SERVING,
        ),
    ] = made(factory=list)
    host_name: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="Accept NAME as a host name besides localhost. Repeatable.",
            rich_help_panel=_SERVING,
        ),
    ] = made(factory=list)
    stop_at_eof: Annotated[
        bool,
        typer.Option(
            "--stop-at-eof",
            help="Stop when standard input ends, as it does when the caller that holds it dies.",
            rich_help_panel=_SERVING,
        ),
    ] = False
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            help="Print one line per request on stderr.",
            rich_help_panel=_SERVING,
        ),
    ] = False


class OpenOptions(OptionGroup):
    """One switch for each point that the service's documentation leaves open (contract: [open]).

    None: as the profile says, else the default of the emulator.
    """

    profile: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Behave as the service that kvsctl probe wrote FILE about; options below win.",
            rich_help_panel=_OPEN,
        ),
    ] = None

    bad_record: Annotated[
        Literal["fails-alone", "refuses-batch"] | None,
        typer.Option(
            help="Fail a bad record alone, or refuse its whole batch. (default: fails-alone)",
            rich_help_panel=_OPEN,
        ),
    ] = None
    refuse_batch_for: Annotated[
        list[str],
        typer.Option(
            metavar="CODE",
            help="Refuse the whole batch for a bad record with this error code. Repeatable.",
            rich_help_panel=_OPEN,
        ),
    ] = made(factory=list)
    missing_keys: Annotated[
        Literal["failed", "left-out"] | None,
        typer.Option(
            help="Put missing keys of batch/get into failedKeys, or into neither list. "
            "(default: failed)",
            rich_help_panel=_OPEN,
        ),
    ] = None
    payload_status: Annotated[
        Literal["413", "400"] | None,
        typer.Option(
            help="Status code for a request body that is too large. (default: 413)",
            rich_help_panel=_OPEN,
        ),
    ] = None
    payload_limit: Annotated[
        int | None,
        typer.Option(
            metavar="BYTES",
            min=1,
            help=f"The largest request body. (default: {DEFAULT_LIMITS.batch_bytes})",
            rich_help_panel=_OPEN,
        ),
    ] = None
    ttl_less_set: Annotated[
        Literal["clears-expiry", "keeps-expiry"] | None,
        typer.Option(
            help="Clear or keep the expiry of a record that is set without ttl. "
            "(default: clears-expiry)",
            rich_help_panel=_OPEN,
        ),
    ] = None
    expiry: Annotated[
        Literal["lazy", "strict"] | None,
        typer.Option(
            help="Serve expired records for 48 hours, or hide them at once. (default: lazy)",
            rich_help_panel=_OPEN,
        ),
    ] = None
    normalise: Annotated[
        bool,
        typer.Option(
            "--normalise",
            help="Reorder members and round numbers in values as JavaScript does.",
            rich_help_panel=_OPEN,
        ),
    ] = False
    query_lag: Annotated[
        str | None,
        typer.Option(
            metavar="D",
            help="How far queries lag behind writes, in seconds or as 5s, 2m. (default: 0)",
            rich_help_panel=_OPEN,
        ),
    ] = None
    query_metadata: Annotated[
        Literal["current", "stale", "omitted"] | None,
        typer.Option(
            help="State of createdAt and updatedAt in query responses. (default: current)",
            rich_help_panel=_OPEN,
        ),
    ] = None
    delete_cost: Annotated[
        Literal["size", "keys", "free"] | None,
        typer.Option(
            help="Charge a delete by the size of its request, a unit per key, or nothing. "
            "(default: size)",
            rich_help_panel=_OPEN,
        ),
    ] = None
    refused_cost: Annotated[
        Literal["free", "size"] | None,
        typer.Option(
            help="Charge nothing for a refused write, or what it would cost. (default: free)",
            rich_help_panel=_OPEN,
        ),
    ] = None
    kb: Annotated[
        Literal["1000", "1024"] | None,
        typer.Option(
            help="Bytes per KB; a quota unit is 10 KB. (default: 1000)", rich_help_panel=_OPEN
        ),
    ] = None


class QuotaFlags(OptionGroup):
    """Quotas and faults, all off by default."""

    quotas: Annotated[
        bool,
        typer.Option(
            "--quotas",
            help="Enforce the documented quotas; each quota option below implies it.",
            rich_help_panel=_QUOTAS,
        ),
    ] = False
    requests_per_second: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help=f"Requests per second. (default: {DEFAULT_LIMITS.requests_per_second})",
            rich_help_panel=_QUOTAS,
        ),
    ] = None
    read_units: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help=f"Read units per minute. (default: {DEFAULT_LIMITS.read_units_per_minute})",
            rich_help_panel=_QUOTAS,
        ),
    ] = None
    write_units: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help=f"Write units per minute. (default: {DEFAULT_LIMITS.write_units_per_minute})",
            rich_help_panel=_QUOTAS,
        ),
    ] = None
    batches_per_minute: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Batch requests per minute, as an older page of the service limits them (45). "
            "(default: no such quota)",
            rich_help_panel=_QUOTAS,
        ),
    ] = None
    minute: Annotated[
        str | None,
        typer.Option(
            metavar="D",
            help="Length of the quota minute, in seconds or as 5s, 2m. (default: 60)",
            rich_help_panel=_QUOTAS,
        ),
    ] = None
    window: Annotated[
        Literal["fixed", "sliding", "bucket"] | None,
        typer.Option(help="Kind of quota window. (default: fixed)", rich_help_panel=_QUOTAS),
    ] = None
    announce: Annotated[
        Literal["retry-after", "reset", "nothing"] | None,
        typer.Option(
            help="How a 429 announces when to retry. (default: retry-after)",
            rich_help_panel=_QUOTAS,
        ),
    ] = None
    faults: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|SPEC",
            help="Inject faults: a spec such as seed=7,429=0.05,reset-after=0.01, "
            "or a .toml or .json file.",
            rich_help_panel=_QUOTAS,
        ),
    ] = None
