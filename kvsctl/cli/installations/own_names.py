"""Names of files with `{installation}` in them, of a command that works on one store."""

import os
from typing import Final

from kvsctl.cli.installations.naming import named_groups, with_names
from kvsctl.cli.installations.store import ChosenStore
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.comparing import DiffOptions, VerifyOptions
from kvsctl.cli.options.input import WorkersOption
from kvsctl.cli.options.target import TargetOptions
from kvsctl.cli.stores import named_flags
from kvsctl.cli.target_choice import target_of
from kvsctl.config.file import read_config
from kvsctl.config.targets import Target

_ONE_PROCESS: Final = WorkersOption()


def with_own_names(given: Given) -> Given:
    """Return the options with the id of the installation in the names of files.

    The id is that of --installation, or else of the target's table in the configuration. If neither
    has one, the names stay as they are. Raise UsageError if the target cannot be chosen.
    """
    groups = named_groups(given)
    ids = given.of(TargetOptions).installation or given.of(VerifyOptions).installation
    if ids:
        return with_names(given, groups, Target(ids[0], installation=ids[0]))
    flags = _flags_of_target(given)
    if not groups or flags is None:
        return given
    config = read_config(os.environ)
    if given.of(WorkersOption) == _ONE_PROCESS:
        # A pipe, as of `KVSCTL_CONFIG=<(command)`, can be read only once.
        given = given.having(ChosenStore(config=config))
    target = target_of(flags, config)
    return given if target.installation is None else with_names(given, groups, target)


def _flags_of_target(given: Given) -> TargetOptions | None:
    """Return the options that choose the target; None if the command has no target."""
    against = given.of(VerifyOptions).against
    if against is not None:
        return named_flags(against)
    has_target = given.has(TargetOptions) and not given.of(DiffOptions).with_
    return given.of(TargetOptions) if has_target else None
