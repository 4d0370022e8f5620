"""kvsctl du: how much of a store each prefix takes."""

from kvsctl.cli.option_groups import Given, takes
from kvsctl.cli.options.cleanup.deleting import PrefixOption
from kvsctl.cli.options.cron import LockOptions, MonitoringOptions
from kvsctl.cli.options.installations.working import SEVERAL_INSTALLATIONS
from kvsctl.cli.options.listing import ConsistentOption, UsageOptions
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
    UsageOptions,
    ConsistentOption,
    TargetOptions,
    *SEVERAL_INSTALLATIONS,
    RunningOptions,
    LockOptions,
    MonitoringOptions,
    ReportOptions,
    FailuresOption,
)
def du_command(given: Given) -> None:
    """Show how many keys and bytes each prefix takes.

    The cost of reading them is shown, too. Bytes are those of the values as JSON. Units and dollars
    are those of an export: they count whole answers, with keys. du reads all records of the
    selection once, as an export does.
    """
    from kvsctl.cli.carry_out import carry_out_job
    from kvsctl.cli.usage_request import du_job

    carry_out_job("du", given, du_job)
