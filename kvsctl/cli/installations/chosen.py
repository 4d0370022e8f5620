"""From options to the installations that a command works on. Only a file of them is opened."""

import os
from collections.abc import Mapping

from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.installations.choosing import InstallationsFileOption
from kvsctl.cli.options.running import RunningOptions
from kvsctl.cli.options.target import TargetOptions
from kvsctl.cli.request import target_of
from kvsctl.config.file import ConfigFile, read_config
from kvsctl.config.installations import on_installations, read_installations
from kvsctl.config.settings import resolve_running
from kvsctl.config.targets import Target, proxy_url
from kvsctl.errors import UsageError
from kvsctl.jobs.installations.choice import ByProxy, Choice


def chosen_installations(given: Given, environ: Mapping[str, str] = os.environ) -> Choice:
    """Return the installations of the options: named ones, those of a file, or all.

    Raise UsageError if there are none, or if options contradict each other.
    """
    flags, path = given.of(TargetOptions), given.of(InstallationsFileOption).installations_file
    if path is not None and flags.installation:
        raise UsageError(
            "--installation and --installations-file exclude each other", "Give one of them."
        )
    config = read_config(environ)
    target = target_of(flags, config, environ, has_installations=True)
    if path is not None:
        return Choice(target, read_installations(path, target))
    if not target.is_proxied:
        raise UsageError(
            f"target {target.name} has no list of installations",
            "Use -t container, or name them with --installations-file FILE.",
        )
    if flags.installation:
        return Choice(target, on_installations(target, flags.installation))
    return Choice(target, by_proxy=_by_proxy(given, target, config, environ))


def _by_proxy(
    given: Given, target: Target, config: ConfigFile, environ: Mapping[str, str]
) -> ByProxy:
    running = resolve_running(
        vars(given.of(RunningOptions)),
        environ,
        target.section,
        f"{config.path}: [targets.{target.name}]",
    )
    return ByProxy(
        proxy_url(environ),
        running.timeout,
        RetryPolicy(retries=running.retries),
        given.of(TargetOptions).allow_http,
    )
