"""kvsctl sync: make a store like another one."""

from kvsctl.cli.option_groups import Given, takes
from kvsctl.cli.options.checking import CheckingOptions
from kvsctl.cli.options.cleanup.deleting import PrefixOption
from kvsctl.cli.options.comparing import SyncOptions
from kvsctl.cli.options.cron import LockOptions, MonitoringOptions
from kvsctl.cli.options.installations.working import SEVERAL_INSTALLATIONS
from kvsctl.cli.options.journal import JournalOptions
from kvsctl.cli.options.listing import ConsistentOption
from kvsctl.cli.options.report import FailuresOption, ReportOptions
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
    SyncOptions,
    PrefixOption,
    SelectionOptions,
    ProtectOption,
    ShardSelector,
    EntityOptions,
    ConsistentOption,
    CheckingOptions,
    TargetOptions,
    *SEVERAL_INSTALLATIONS,
    ConfirmOption,
    RoundingOption,
    YesOption,
    RunningOptions,
    LockOptions,
    JournalOptions,
    MonitoringOptions,
    ReportOptions,
    FailuresOption,
)
def sync_command(given: Given) -> None:
    """Write what a store lacks or holds differently from another.

    Records of --from TARGET are written to the target. Choose records by PREFIX, --match, --regex
    or --all. Each is read in the target first; records with a ttl are always written. Nothing is
    deleted; --plan writes deletions for kvsctl apply. After a stop, the same command writes only
    what still differs; with --journal it resumes. TARGET is read once for several installations.
    """
    from kvsctl.cli.carry_out import carry_out, carry_out_on_each, names_several, retried
    from kvsctl.cli.sync_request import copied_source, sync_job
    from kvsctl.jobs.runner import run_job

    if names_several(given):
        carry_out_on_each("sync", given, sync_job, copied_source)
    carry_out("sync", given, retried("sync", sync_job), run_job)
