"""Stores that a command has chosen already."""

from typing import TYPE_CHECKING

from kvsctl.cli.option_groups import OptionGroup
from kvsctl.config.file import ConfigFile
from kvsctl.config.targets import Target

if TYPE_CHECKING:
    from kvsctl.jobs.store.copy import SourceCopy


class ChosenStore(OptionGroup):
    """The target and the configuration file, in place of the options that choose them."""

    target: Target | None = None
    config: ConfigFile | None = None


class ChosenSource(OptionGroup):
    """The copy of the store that `--from` names, which several installations are compared with."""

    copy: "SourceCopy | None" = None
