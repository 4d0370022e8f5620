"""kvsctl list: print keys."""

from kvsctl.cli.option_groups import Given, takes
from kvsctl.cli.options.cleanup.deleting import PrefixOption
from kvsctl.cli.options.cron import LockOptions, MonitoringOptions
from kvsctl.cli.options.installations.working import SEVERAL_INSTALLATIONS
from kvsctl.cli.options.listing import ConsistentOption, ListOptions
from kvsctl.cli.options.report import FailuresOption, ReportOptions
from kvsctl.cli.options.running import RunningOptions
from kvsctl.cli.options.selection import (
    EntityOptions,
    PrefixArgument,
    ProtectOption,
    SelectionOptions,
    ShardSelector,
)
from kvsctl.cli.options.target import TargetOptions


@takes(
    PrefixArgument,
    PrefixOption,
    SelectionOptions,
    ProtectOption,
    ShardSelector,
    EntityOptions,
    ListOptions,
    ConsistentOption,
    TargetOptions,
    *SEVERAL_INSTALLATIONS,
    RunningOptions,
    LockOptions,
    MonitoringOptions,
    ReportOptions,
    FailuresOption,
)
def list_command(given: Given) -> None:
    """Print keys: all of them, or a selection.

    PREFIX and the selectors choose keys. Selectors can be combined, and a key must meet all of
    them. Secrets cannot be listed.
    """
    from kvsctl.cli.carry_out import carry_out_job
    from kvsctl.cli.listing_request import list_job

    carry_out_job("list", given, list_job)
