"""A store that a command has chosen already."""

from kvsctl.cli.option_groups import OptionGroup
from kvsctl.config.file import ConfigFile
from kvsctl.config.targets import Target


class ChosenStore(OptionGroup):
    """The target and the configuration file, in place of the options that choose them."""

    target: Target | None = None
    config: ConfigFile | None = None
