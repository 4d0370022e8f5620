"""From options to the target of a command, and the limits that are known for it."""

import os
from collections.abc import Mapping
from pathlib import Path

from kvsctl.cli.options.target import TargetOptions
from kvsctl.config.file import ConfigFile
from kvsctl.config.targets import Target, TargetFlags, choose_target
from kvsctl.errors import UsageError
from kvsctl.limits import DEFAULT_LIMITS, Limits
from kvsctl.report.console import Environment


def with_profile(limits: Limits, target: Target) -> Limits:
    """Return the limits of the profile that the target's section names, unless others were given.

    Raise UsageError if it cannot be read.
    """
    name = target.section.get("profile")
    if name is None or limits != DEFAULT_LIMITS:
        return limits
    from kvsctl.config.limitsfile import read_profile_limits

    try:
        return read_profile_limits(Path(name).expanduser())
    except UsageError as error:
        place = target.section.place("profile")
        raise UsageError(f"{place}: {error.message}", error.hint) from None


def target_of(
    flags: TargetOptions,
    config: ConfigFile,
    environ: Mapping[str, str] = os.environ,
    named_by: str = "--target",
    *,
    has_installations: bool = False,
) -> Target:
    """Return the target of a command. Raise UsageError.

    `has_installations`: its installation is left open, because the command has several of them.
    """
    named = flags.installation or []
    if len(named) > 1 and not has_installations:
        raise UsageError(
            f"--installation is given {len(named):,} times, and this command works on one store",
            "Give one of them.",
        )
    return choose_target(
        target_flags(flags, named_by, has_installations=has_installations),
        environ,
        config,
        is_on_terminal=Environment.of_process().stderr_is_terminal,
    )


def target_flags(
    flags: TargetOptions, named_by: str = "--target", *, has_installations: bool = False
) -> TargetFlags:
    """Return the options that choose a target, as `choose_target` takes them."""
    named = flags.installation or []
    return TargetFlags(
        flags.target,
        flags.url,
        flags.token_file,
        flags.token_command,
        named[0] if named and not has_installations else None,
        named_by,
        "--url" if named_by == "--target" else named_by,
        has_installations,
    )
