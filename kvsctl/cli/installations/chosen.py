"""From options to the installations that a command works on. Only a file of them is opened."""

import os
from collections.abc import Mapping

from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.cli.inputs import limits_of
from kvsctl.cli.installations.store import ChosenStore
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.installations.choosing import (
    AllInstallationsOption,
    InstallationsFileOption,
)
from kvsctl.cli.options.running import RunningOptions
from kvsctl.cli.options.target import TargetOptions
from kvsctl.cli.target_choice import target_of, with_profile
from kvsctl.config.file import ConfigFile
from kvsctl.config.installations import on_installations, read_installations
from kvsctl.config.settings import Running, resolve_running
from kvsctl.config.targets import Target, proxy_url
from kvsctl.errors import UsageError
from kvsctl.jobs.installations.choosing.choice import ByProxy, Choice
from kvsctl.limits import DEFAULT_LIMITS


def chosen_installations(
    given: Given, config: ConfigFile, environ: Mapping[str, str] = os.environ
) -> Choice:
    """Return the installations of the options: named ones, those of a file, or all.

    Raise UsageError if there are none, or if options contradict each other.
    """
    flags, path = given.of(TargetOptions), given.of(InstallationsFileOption).installations_file
    _require_one_way(
        ("--installation", flags.installation),
        ("--installations-file", path),
        ("--all-installations", given.of(AllInstallationsOption).all_installations),
    )
    target = given.of(ChosenStore).target or target_of(
        flags, config, environ, has_installations=True
    )
    if path is not None:
        if target.local_path is not None:
            raise UsageError(
                f"--installations-file: target {target.name} is one store, without installations",
                "Choose another target with -t, or with --url that of kvsctl serve.",
            )
        return Choice(target, read_installations(path, target), path=path)
    if not target.is_proxied:
        raise UsageError(
            f"target {target.name} has no list of installations",
            "Use -t container, or name them with --installations-file FILE.",
        )
    if flags.installation:
        return Choice(target, on_installations(target, flags.installation))
    running = running_of(given, target, environ)
    retry = RetryPolicy(retries=running.retries)
    by_proxy = ByProxy(proxy_url(environ), running.timeout, retry, flags.allow_http)
    return Choice(target, by_proxy=by_proxy)


def _require_one_way(*ways: tuple[str, object]) -> None:
    flags = [flag for flag, given in ways if given]
    if len(flags) > 1:
        raise UsageError(f"{flags[0]} and {flags[1]} exclude each other", "Give one of them.")


def running_of(given: Given, target: Target, environ: Mapping[str, str]) -> Running:
    """Return how a command works on all of its installations. Raise UsageError."""
    return resolve_running(
        vars(given.of(RunningOptions)),
        environ,
        target.section,
        target.section.place,
        with_profile(limits_of(given) or DEFAULT_LIMITS, target),
    )
