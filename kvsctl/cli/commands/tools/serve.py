"""`kvsctl serve`: run the emulator as an HTTP server."""

from typing import TYPE_CHECKING, NoReturn

from kvsctl.cli.option_groups import Given, takes
from kvsctl.cli.options.serve import OpenOptions, QuotaFlags, ServingOptions

if TYPE_CHECKING:
    from kvsctl.emulator.options import EmulatorOptions, Token
    from kvsctl.emulator.switches.quota import QuotaOptions


@takes(ServingOptions, OpenOptions, QuotaFlags)
def serve_command(given: Given) -> None:
    """Run the local emulator of the service until Ctrl-C or SIGTERM.

    Prints its base URL once it accepts requests. Give that URL to an app, or to kvsctl as --url.
    """
    from kvsctl.emulator.refusals import EmulatorError
    from kvsctl.errors import UsageError

    try:
        _serve(given.of(ServingOptions), given.of(OpenOptions), given.of(QuotaFlags))
    except EmulatorError as error:
        raise UsageError(str(error)) from error


def _serve(serving: ServingOptions, open_points: OpenOptions, quotas: QuotaFlags) -> NoReturn:
    import logging
    import os
    import signal
    import sys

    import typer

    from kvsctl.emulator.web.serve import ServeOptions, serve
    from kvsctl.errors import ExitStatus
    from kvsctl.files.descriptors import require_descriptors

    require_descriptors()
    options = ServeOptions(
        host=serving.host,
        port=serving.port,
        db=serving.db,
        seed=tuple(serving.seed),
        host_names=frozenset(serving.host_name),
        verbose=serving.verbose,
        emulator=_emulator_options(serving, open_points, quotas),
    )
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("asyncio").disabled = "KVSCTL_DEBUG" not in os.environ
    logging.getLogger("kvsctl.emulator.access").setLevel(logging.INFO)
    stopped_by = serve(options, typer.echo)
    # SIGTERM is the normal way to stop a server, so it is not a failure.
    sys.exit(ExitStatus.INTERRUPTED if stopped_by == signal.SIGINT else ExitStatus.OK)


def _emulator_options(
    serving: ServingOptions, open_points: OpenOptions, quotas: QuotaFlags
) -> "EmulatorOptions":
    from kvsctl.emulator.options import EmulatorOptions
    from kvsctl.emulator.storage.manifest import read_manifest
    from kvsctl.emulator.switches.fault_spec import read_faults
    from kvsctl.limits import DEFAULT_LIMITS

    return EmulatorOptions(
        limits=DEFAULT_LIMITS._replace(unit_bytes=10 * int(open_points.kb)),
        bad_record=open_points.bad_record,
        missing_keys=open_points.missing_keys,
        payload_status=413 if open_points.payload_status == "413" else 400,
        ttl_less_set=open_points.ttl_less_set,
        expiry=open_points.expiry,
        normalise=open_points.normalise,
        query_lag_seconds=open_points.query_lag,
        query_metadata=open_points.query_metadata,
        delete_cost=open_points.delete_cost,
        tokens=tuple(map(_token, serving.token)),
        installations=tuple(serving.installation),
        entities=None if serving.manifest is None else read_manifest(serving.manifest),
        quota=_quota(quotas),
        faults=None if quotas.faults is None else read_faults(quotas.faults),
    )


def _token(given: str) -> "Token":
    from kvsctl.emulator.options import parse_token
    from kvsctl.errors import UsageError

    if not given.strip():
        raise UsageError(
            "--token: empty token", "Give a token, or leave out --token to accept every caller."
        )
    return parse_token(given)


def _quota(flags: QuotaFlags) -> "QuotaOptions | None":
    from kvsctl.emulator.switches.quota import QuotaOptions
    from kvsctl.errors import UsageError

    given = {
        "requests_per_second": flags.requests_per_second,
        "read_units_per_minute": flags.read_units,
        "write_units_per_minute": flags.write_units,
        "minute_seconds": flags.minute,
        "window": flags.window,
        "announces": flags.announce,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    if flags.minute is not None and flags.minute < 0.001:
        raise UsageError(f"--minute {flags.minute:g}: too short", "Give at least 0.001 seconds.")
    return QuotaOptions(**chosen) if chosen or flags.quotas else None  # type: ignore[arg-type]
