"""From options to a second store: that of `--from` or `--against`."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec.structs import replace

from kvsctl.bulk.settling.reconcile import ReadPolicy
from kvsctl.cli.installations.store import ChosenStore
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.report import ReportOptions
from kvsctl.cli.options.running import QuotaParts, RunningOptions
from kvsctl.cli.options.selection import ShardSelector
from kvsctl.cli.options.target import TargetOptions
from kvsctl.cli.request import basis_of, schedule_of
from kvsctl.config.targets import Target
from kvsctl.errors import UsageError
from kvsctl.jobs.file_roles import database_files
from kvsctl.jobs.job import Schedule
from kvsctl.jobs.store.side import StoreSide


def store_of(
    flags: TargetOptions,
    given: Given,
    environ: Mapping[str, str] = os.environ,
    named_by: str = "--target",
) -> StoreSide:
    """Return a target as a store to read. `named_by`: see `basis_of`. Raise UsageError."""
    groups = Given([flags, given.of(RunningOptions), given.of(ReportOptions)])
    groups = groups.having(given.of(ShardSelector))
    parts = given.of(QuotaParts)
    if named_by == "--target":
        groups = groups.having(given.of(ChosenStore)).having(parts)
    else:  # this store is read by each command that works on a shard of the installations
        groups = groups.having(QuotaParts(commands=parts.shards_of_installations))
    policy = ReadPolicy(ignore_missing=True, skip_expired=True)
    basis = basis_of(groups, policy=policy, environ=environ, named_by=named_by)
    return StoreSide(
        basis.target,
        basis.plan,
        basis.allow_http,
        basis.timeout_seconds,
        basis.schedule.max_duration_seconds,
        wants_headers=basis.reporting.verbosity > 1,
    )


def schedule_for(given: Given, stores: Iterable[StoreSide]) -> Schedule:
    """Return when a job that reads these stores must end, and its lock. Raise UsageError."""
    limits = [store.max_duration_seconds for store in stores]
    return schedule_of(given, min((one for one in limits if one is not None), default=None))


def named_store(
    name: str,
    given: Given,
    flag: str,
    environ: Mapping[str, str] = os.environ,
    *,
    allow_http: bool,
    installation: list[str] | None = None,
) -> StoreSide:
    """Return the store that a name or a URL means, the value of `flag`. Raise UsageError."""
    flags = named_flags(name, installation=installation, allow_http=allow_http)
    return store_of(flags, given, environ, flag)


def named_flags(
    name: str | None, *, installation: list[str] | None = None, allow_http: bool = False
) -> TargetOptions:
    """Return the options that choose a target by its name or its URL."""
    is_url = name is not None and "://" in name
    return TargetOptions(
        target=None if is_url else name,
        url=name if is_url else None,
        installation=installation,
        allow_http=allow_http,
    )


def source_store(name: str, given: Given) -> StoreSide:
    """Return the store that `--from` names. `KVSCTL_TOKEN` is only for the target."""
    environ = {key: value for key, value in os.environ.items() if key != "KVSCTL_TOKEN"}
    allow_http = given.of(TargetOptions).allow_http
    store = named_store(name, given, "--from", environ, allow_http=allow_http)
    return replace(store, is_source=True)


def require_different(source: Target, target: Target) -> None:
    """Raise UsageError if `--from` and the target are certain to be the same store."""
    if source.is_same_store(target):
        raise UsageError(
            "--from and the target are the same store", "Choose another with -t or --url."
        )


def named_in_journals(target: Target) -> str:
    """Return the name that identifies a source in a journal, so that a job is resumed with it."""
    name = target.installation
    return target.display if name is None else f"{target.display} installation {name}"


def database_of(store: StoreSide) -> list[Path]:
    """Return the files of the database of a store, if it is an embedded emulator."""
    files = database_files(store.target.local_path)
    return [path for _, path in files if isinstance(path, Path)]
