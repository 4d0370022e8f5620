"""kvsctl delete: delete keys, or what selectors choose."""

from kvsctl.cli.option_groups import Given, takes
from kvsctl.cli.options.checking import CheckingOptions
from kvsctl.cli.options.cleanup.deleting import (
    GuardOptions,
    PlanOptions,
    PrefixOption,
    UndoOptions,
)
from kvsctl.cli.options.cron import LockOptions, MonitoringOptions
from kvsctl.cli.options.input import (
    FileOption,
    KeysArgument,
    NullOption,
    ShardOption,
    WorkersOption,
)
from kvsctl.cli.options.installations.working import SEVERAL_INSTALLATIONS
from kvsctl.cli.options.journal import JournalOptions, RetryFailedOption
from kvsctl.cli.options.listing import ConsistentOption
from kvsctl.cli.options.report import FailuresOption, ReportOptions
from kvsctl.cli.options.running import RunningOptions, VerifyOption
from kvsctl.cli.options.selection import EntityOptions, ProtectOption, SelectionOptions
from kvsctl.cli.options.shape import KeyFormOption, ShapeOptions
from kvsctl.cli.options.target import ConfirmOption, RoundingOption, TargetOptions, YesOption


@takes(
    KeysArgument,
    FileOption,
    NullOption,
    ShapeOptions,
    KeyFormOption,
    PrefixOption,
    SelectionOptions,
    ProtectOption,
    EntityOptions,
    ConsistentOption,
    ShardOption,
    WorkersOption,
    CheckingOptions,
    TargetOptions,
    *SEVERAL_INSTALLATIONS,
    ConfirmOption,
    RoundingOption,
    YesOption,
    GuardOptions,
    UndoOptions,
    PlanOptions,
    RunningOptions,
    VerifyOption,
    JournalOptions,
    RetryFailedOption,
    LockOptions,
    MonitoringOptions,
    ReportOptions,
    FailuresOption,
)
def delete_command(given: Given) -> None:
    """Delete keys, or what selectors choose.

    Keys are given as arguments, or read from files or stdin: one per line, or JSON Lines. Deleting
    a key that does not exist succeeds.

    With --prefix, --match, --regex or --all, delete what selectors choose in the store: it is
    listed first, and you are asked. Records chosen by age, expiry, size or expression are read
    again just before they are deleted, and kept if they are no longer chosen. --dry-run prints the
    keys, and --plan writes what would be deleted, for kvsctl apply.
    """
    from kvsctl.cli.carry_out import carry_out_job
    from kvsctl.cli.cleanup.delete_request import delete_job

    carry_out_job("delete", given, delete_job)
