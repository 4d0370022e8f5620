"""kvsctl clean: carry out the rules of a retention file."""

from kvsctl.cli.option_groups import Given, takes
from kvsctl.cli.options.checking import DryRunOption
from kvsctl.cli.options.cleanup.cleaning import RulesOption
from kvsctl.cli.options.cleanup.deleting import PlanOptions, UndoOptions
from kvsctl.cli.options.cron import LockOptions, MonitoringOptions
from kvsctl.cli.options.input import WorkersOption
from kvsctl.cli.options.installations.working import SEVERAL_INSTALLATIONS
from kvsctl.cli.options.listing import ConsistentOption
from kvsctl.cli.options.report import ReportOptions
from kvsctl.cli.options.running import RunningOptions
from kvsctl.cli.options.selection import ProtectOption, ShardSelector
from kvsctl.cli.options.target import ConfirmOption, RoundingOption, TargetOptions, YesOption


@takes(
    RulesOption,
    ProtectOption,
    ShardSelector,
    WorkersOption,
    ConsistentOption,
    DryRunOption,
    TargetOptions,
    *SEVERAL_INSTALLATIONS,
    ConfirmOption,
    RoundingOption,
    YesOption,
    UndoOptions,
    PlanOptions,
    RunningOptions,
    LockOptions,
    MonitoringOptions,
    ReportOptions,
)
def clean_command(given: Given) -> None:
    """Clean a store up by the rules of a file.

    Rules delete records, or give them a ttl. A rule chooses records as the options of delete do,
    and may keep the latest of a group. The store is listed first; each record is settled by the
    first rule that matches it. The limits of all rules are checked, and you are asked, before
    anything changes. Records chosen by more than their keys are read again just before they change,
    and kept if their rule no longer chooses them. --dry-run prints the keys, and --plan writes what
    would be done, for kvsctl apply.
    """
    from kvsctl.cli.carry_out import carry_out_job
    from kvsctl.cli.cleanup.clean_request import clean_job

    carry_out_job("clean", given, clean_job)
