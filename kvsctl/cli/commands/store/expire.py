"""kvsctl expire: give existing records a ttl."""

from kvsctl.cli.option_groups import Given, takes
from kvsctl.cli.options.checking import CheckingOptions
from kvsctl.cli.options.cleanup.deleting import PlanOptions, PrefixOption
from kvsctl.cli.options.cleanup.expiring import ExpireOptions
from kvsctl.cli.options.cron import LockOptions, MonitoringOptions
from kvsctl.cli.options.input import WorkersOption
from kvsctl.cli.options.installations.working import SEVERAL_INSTALLATIONS
from kvsctl.cli.options.listing import ConsistentOption
from kvsctl.cli.options.report import ReportOptions
from kvsctl.cli.options.running import RunningOptions
from kvsctl.cli.options.selection import (
    EntityOptions,
    PrefixArgument,
    ProtectOption,
    SelectionOptions,
    ShardSelector,
)
from kvsctl.cli.options.target import ConfirmOption, RoundingOption, TargetOptions, YesOption


@takes(
    PrefixArgument,
    ExpireOptions,
    PrefixOption,
    SelectionOptions,
    ProtectOption,
    ShardSelector,
    WorkersOption,
    EntityOptions,
    ConsistentOption,
    CheckingOptions,
    TargetOptions,
    *SEVERAL_INSTALLATIONS,
    ConfirmOption,
    RoundingOption,
    YesOption,
    PlanOptions,
    RunningOptions,
    LockOptions,
    MonitoringOptions,
    ReportOptions,
)
def expire_command(given: Given) -> None:
    """Give existing records a ttl, so that a store cleans itself.

    Choose records by PREFIX, --prefix, --match, --regex or --all; --no-expiry leaves out those that
    have a ttl already. They are listed first, and you are asked. Then each is read again, and its
    value is written unchanged with the ttl, unless it changed since it was listed. What an app
    writes between that read and the write is lost. --plan writes what would be done, for kvsctl
    apply.
    """
    from kvsctl.cli.carry_out import carry_out_job
    from kvsctl.cli.cleanup.expire_request import expire_job

    carry_out_job("expire", given, expire_job)
