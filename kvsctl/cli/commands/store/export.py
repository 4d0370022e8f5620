"""kvsctl export: write records that set can load."""

from kvsctl.cli.option_groups import Given, takes
from kvsctl.cli.options.cleanup.deleting import PrefixOption
from kvsctl.cli.options.cron import LockOptions, MonitoringOptions
from kvsctl.cli.options.input import WorkersOption
from kvsctl.cli.options.installations.working import SEVERAL_INSTALLATIONS
from kvsctl.cli.options.journal import JournalOptions
from kvsctl.cli.options.listing import ConsistentOption, ExportOptions
from kvsctl.cli.options.report import FailuresOption, OutputOption, ReportOptions
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
    WorkersOption,
    EntityOptions,
    ExportOptions,
    ConsistentOption,
    TargetOptions,
    *SEVERAL_INSTALLATIONS,
    RunningOptions,
    LockOptions,
    JournalOptions,
    MonitoringOptions,
    OutputOption,
    ReportOptions,
    FailuresOption,
)
def export_command(given: Given) -> None:
    """Save records as JSON Lines that set can load.

    Without PREFIX and selectors, that is the whole store. Several ranges of keys are read at a
    time, so records come in no particular order; with -c 1 they come in key order. An export is not
    a snapshot of one moment. Secrets cannot be exported.
    """
    from kvsctl.cli.carry_out import carry_out_job
    from kvsctl.cli.listing_request import export_job

    carry_out_job("export", given, export_job)
