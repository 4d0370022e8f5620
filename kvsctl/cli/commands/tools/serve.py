"""`kvsctl serve`: run the emulator as an HTTP server."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn

from kvsctl.cli.option_groups import Given, takes
from kvsctl.cli.options.serve import OpenOptions, QuotaFlags, ServingOptions

if TYPE_CHECKING:
    from pathlib import Path

    from kvsctl.emulator.options import EmulatorOptions, Token
    from kvsctl.emulator.switches.profile import Profile
    from kvsctl.emulator.switches.quota import QuotaOptions
    from kvsctl.emulator.web.serve import ServeOptions

_LONGEST_SECONDS: Final = 366 * 86_400
_SWITCHES: Final = (
    "bad_record",
    "missing_keys",
    "ttl_less_set",
    "expiry",
    "normalise",
    "query_metadata",
    "delete_cost",
    "refused_cost",
)
"""The options that have the same name and values as an option of the emulator."""


@takes(ServingOptions, OpenOptions, QuotaFlags)
def serve_command(given: Given) -> None:
    """Run the emulator of the service as an HTTP server.

    It runs until Ctrl-C or SIGTERM. Prints its base URL once it accepts requests. Give that URL to
    an app, or to kvsctl as --url.
    """
    from kvsctl.emulator.refusals import EmulatorError
    from kvsctl.errors import UsageError

    try:
        _serve(given.of(ServingOptions), given.of(OpenOptions), given.of(QuotaFlags))
    except EmulatorError as error:
        raise UsageError(str(error), error.hint) from error


def _serve(serving: ServingOptions, open_points: OpenOptions, quotas: QuotaFlags) -> NoReturn:
    import logging
    import os
    import signal
    import sys

    import typer

    from kvsctl.emulator.operations.record_files import ExportFailed
    from kvsctl.emulator.web.serve import ServeOptions, serve
    from kvsctl.errors import ExitStatus, StreamError
    from kvsctl.files.descriptors import require_descriptors
    from kvsctl.report.console import Environment
    from kvsctl.report.escape import visible

    require_descriptors()
    _require_values(serving, open_points, quotas)
    database = _database(serving.db)
    is_new = database is not None and not database.exists()
    options = ServeOptions(
        host=serving.host,
        port=serving.port,
        db=serving.db,
        seed=tuple(serving.seed),
        imported=serving.import_,
        host_names=frozenset(serving.host_name),
        verbose=serving.verbose,
        stop_at_eof=serving.stop_at_eof,
        emulator=_emulator_options(serving, open_points, quotas),
    )
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("asyncio").disabled = "KVSCTL_DEBUG" not in os.environ
    logging.getLogger("kvsctl.emulator.access").setLevel(logging.INFO)
    environment = Environment.of_process()

    def note(line: str) -> None:
        environment.note(visible(line))

    def announce(url: str) -> None:
        typer.echo(url)
        sys.stdout.flush()
        for line in _announced(options, database, is_new=is_new):
            note(line)

    try:
        stopped_by = serve(options, announce, note)
    except ExportFailed as error:
        raise StreamError(str(error)) from error
    # SIGTERM is the normal way to stop a server, so it is not a failure.
    sys.exit(ExitStatus.INTERRUPTED if stopped_by == signal.SIGINT else ExitStatus.OK)


def _require_values(serving: ServingOptions, open_points: OpenOptions, quotas: QuotaFlags) -> None:
    """Raise UsageError for an empty option, such as an unset shell variable leaves.

    An empty address would mean every address of the machine, and an empty host name would accept an
    empty `Host` header. Options of files and tokens are checked where they are read.
    """
    from kvsctl.errors import UsageError

    given = {
        "--host": [serving.host],
        "--host-name": serving.host_name,
        "--installation": serving.installation,
        "--refuse-batch-for": open_points.refuse_batch_for,
        "--faults": [] if quotas.faults is None else [quotas.faults],
    }
    for flag, values in given.items():
        if not all(value.strip() for value in values):
            raise UsageError(f"{flag} is empty", "Give a value, or remove the option.")


def _database(given: str) -> "Path | None":
    """Return the file that holds the records; None if they are in memory only.

    Raise UsageError if its folder does not exist: a mistyped path would serve an empty store.
    """
    from pathlib import Path

    from kvsctl.emulator.storage.schema import MEMORY
    from kvsctl.errors import UsageError

    if not given:
        raise UsageError("--db: empty file name", "Give a file, or leave out --db.")
    if given == MEMORY:
        return None
    path = Path(given).absolute()
    if not path.parent.is_dir():
        raise UsageError(
            f"--db {given}: {path.parent} is not a folder",
            "Create it, or correct the path: a store that does not exist would be empty.",
        )
    return path


def _announced(options: "ServeOptions", path: "Path | None", *, is_new: bool) -> list[str]:
    """Return lines about who is served, where records are kept, the page, and how to stop."""
    callers = "callers with a token" if options.emulator.tokens else "any caller, no token needed"
    if options.emulator.accepts_proxy_header:
        callers = "callers with a forge-proxy-authorization header"
        callers += " or a token" if options.emulator.tokens else ""
    where = f"kept in {path}, a new file" if is_new else f"kept in {path}"
    kept = "in memory only: they are gone when it stops (--db FILE keeps them)"
    if options.emulator.export_file is not None:
        kept = "in memory only, and exported when it stops"
    return [
        f"serving the emulator of a Forge key-value store to {callers}",
        f"records are {kept if path is None else where}",
        f"open the URL in a browser {_page(options.emulator)}",
        "Ctrl-C stops it",
    ]


def _page(options: "EmulatorOptions") -> str:
    """Return what the page is for, and what it needs."""
    look = "to look into the store"
    if options.admin_token is not None:
        return f"{look}: it asks for the admin token"
    token = ": it asks for a token" if options.tokens else ""
    return f"on this machine {look}{token}"


def _emulator_options(
    serving: ServingOptions, open_points: OpenOptions, quotas: QuotaFlags
) -> "EmulatorOptions":
    from kvsctl.emulator.options import EmulatorOptions
    from kvsctl.emulator.storage.manifest import read_manifest
    from kvsctl.emulator.switches.fault_spec import read_faults
    from kvsctl.emulator.switches.profile import read_profile
    from kvsctl.limits import DEFAULT_LIMITS

    profile = None if open_points.profile is None else read_profile(open_points.profile)
    return EmulatorOptions(
        limits=DEFAULT_LIMITS._replace(**_limits(open_points, profile)),
        **_switches(open_points, profile),
        tokens=_tokens(serving.token),
        accepts_proxy_header=serving.accept_proxy_header,
        admin_token=_admin_token(serving.admin_token),
        installations=tuple(serving.installation),
        export_file=serving.export_on_exit,
        entities=None if serving.manifest is None else read_manifest(serving.manifest),
        quota=_quota(quotas, profile),
        faults=None if quotas.faults is None else read_faults(quotas.faults),
    )


def _limits(open_points: OpenOptions, profile: "Profile | None") -> dict[str, int]:
    """Return the limits that differ from the documented ones."""
    limits = {} if profile is None else dict(profile.limits)
    if open_points.kb is not None:
        limits["unit_bytes"] = 10 * int(open_points.kb)
    if open_points.payload_limit is not None:
        limits["batch_bytes"] = open_points.payload_limit
    return limits


def _switches(open_points: OpenOptions, profile: "Profile | None") -> dict[str, Any]:
    """Return the switches that an option or else the profile sets, by their names in options."""
    answers = {} if profile is None else profile.answers
    switches = {
        name.replace("-", "_"): value for name, value in answers.items() if name != "announce"
    }
    given = vars(open_points)
    switches |= {
        name: given[name]
        for name in _SWITCHES
        if given[name] is not None and given[name] is not False
    }
    if open_points.payload_status is not None:
        switches["payload_status"] = int(open_points.payload_status)
    if open_points.query_lag is not None:
        switches["query_lag"] = _seconds("--query-lag", open_points.query_lag, least=0)
    if "query_lag" in switches:
        switches["query_lag_seconds"] = switches.pop("query_lag")
    codes = [*switches.get("refuse_batch_for", ()), *open_points.refuse_batch_for]
    return switches | {"refuse_batch_for": frozenset(codes)}


def _tokens(given: Sequence[str]) -> "tuple[Token, ...]":
    from kvsctl.emulator.options import shared_by
    from kvsctl.errors import UsageError

    tokens = tuple(map(_token, given))
    if two := shared_by(tokens):
        raise UsageError(
            f"--token: {two[0]} and {two[1]} have the same token",
            "Give each installation a token of its own.",
        )
    return tokens


def _token(given: str) -> "Token":
    from kvsctl.emulator.options import parse_token
    from kvsctl.errors import UsageError

    if not given.strip():
        raise UsageError(
            "--token: empty token", "Give a token, or leave out --token to accept every caller."
        )
    token = parse_token(given)
    _require_sendable("--token", token.secret)
    return token


def _admin_token(given: str | None) -> str | None:
    from kvsctl.errors import UsageError

    if given is not None and not given.strip():
        raise UsageError("--admin-token: empty token", "Give a token, or leave out --admin-token.")
    if given is not None:
        _require_sendable("--admin-token", given)
    return given


def _require_sendable(flag: str, secret: str) -> None:
    """Raise UsageError if no caller could send the token in a header."""
    from kvsctl.emulator.options import is_sendable
    from kvsctl.errors import UsageError

    if not is_sendable(secret):
        raise UsageError(
            f"{flag}: the token has other characters than visible ASCII",
            "Give a token of letters, digits and signs.",
        )


def _seconds(flag: str, text: str, *, least: float) -> float:
    """Return the seconds of a duration. Raise UsageError."""
    from kvsctl.durations import fractional_seconds
    from kvsctl.errors import UsageError

    seconds = fractional_seconds(text, flag)
    if not least <= seconds <= _LONGEST_SECONDS:
        raise UsageError(
            f"{flag} {text}: out of range", f"Give {least:g} to {_LONGEST_SECONDS:,} seconds."
        )
    return seconds


def _quota(flags: QuotaFlags, profile: "Profile | None" = None) -> "QuotaOptions | None":
    from kvsctl.emulator.switches.quota import QuotaOptions

    minute = None if flags.minute is None else _seconds("--minute", flags.minute, least=0.001)
    given = {
        "requests_per_second": flags.requests_per_second,
        "read_units_per_minute": flags.read_units,
        "write_units_per_minute": flags.write_units,
        "batches_per_minute": flags.batches_per_minute,
        "minute_seconds": minute,
        "window": flags.window,
        "announces": flags.announce,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    if not chosen and not flags.quotas:
        return None
    if profile is not None and "announce" in profile.answers:
        chosen = {"announces": profile.answers["announce"], **chosen}
    return QuotaOptions(**chosen)  # type: ignore[arg-type]
