"""kvsctl diff: compare records."""

from kvsctl.cli.option_groups import Given, takes
from kvsctl.cli.options.cleanup.deleting import PrefixOption
from kvsctl.cli.options.comparing import DiffOptions
from kvsctl.cli.options.cron import LockOptions, MonitoringOptions
from kvsctl.cli.options.input import ManifestOption
from kvsctl.cli.options.installations.working import SEVERAL_INSTALLATIONS
from kvsctl.cli.options.listing import ConsistentOption
from kvsctl.cli.options.report import OutputOption, ReportOptions
from kvsctl.cli.options.running import RunningOptions
from kvsctl.cli.options.selection import (
    EntityOptions,
    PrefixArgument,
    ProtectOption,
    SelectionOptions,
    ShardSelector,
)
from kvsctl.cli.options.shape import ShapeOptions, ValueOptions
from kvsctl.cli.options.target import TargetOptions


@takes(
    PrefixArgument,
    DiffOptions,
    PrefixOption,
    SelectionOptions,
    ProtectOption,
    ShardSelector,
    EntityOptions,
    ConsistentOption,
    ManifestOption,
    ShapeOptions,
    ValueOptions,
    TargetOptions,
    *SEVERAL_INSTALLATIONS,
    RunningOptions,
    LockOptions,
    MonitoringOptions,
    OutputOption,
    ReportOptions,
)
def diff_command(given: Given) -> None:
    """Compare the records of two stores or files.

    The left side is -f FILE or --from TARGET, the right side the target or --with FILE. A record is
    added if only the right has it, missing if only the left has it, and changed if their values
    differ. Expiry is not compared. The exit code is 1 if anything differs.

    With -f and without a selector, only the keys of FILE are read from the target; otherwise the
    target is listed. On several installations, {installation} in the name of FILE stands for the id
    of each, and TARGET is read once for all of them.
    """
    from kvsctl.cli.carry_out import carry_out, carry_out_on_each, names_several
    from kvsctl.cli.compare_request import comparison, comparison_on_each, copied_source
    from kvsctl.jobs.compare.comparing import compare

    if names_several(given):
        carry_out_on_each("diff", given, comparison_on_each, copied_source)
    carry_out("diff", given, comparison, compare)
