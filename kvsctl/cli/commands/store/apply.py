"""kvsctl apply: carry out a plan."""

from kvsctl.cli.option_groups import Given, takes
from kvsctl.cli.options.checking import DryRunOption
from kvsctl.cli.options.cleanup.applying import ApplyOptions
from kvsctl.cli.options.cleanup.deleting import UndoOptions
from kvsctl.cli.options.cron import LockOptions, MonitoringOptions
from kvsctl.cli.options.installations.working import SEVERAL_INSTALLATIONS
from kvsctl.cli.options.journal import JournalOptions, RetryFailedOption
from kvsctl.cli.options.report import ReportOptions
from kvsctl.cli.options.running import RunningOptions, VerifyOption
from kvsctl.cli.options.selection import ShardSelector
from kvsctl.cli.options.target import ConfirmOption, RoundingOption, TargetOptions, YesOption


@takes(
    ApplyOptions,
    ShardSelector,
    DryRunOption,
    TargetOptions,
    *SEVERAL_INSTALLATIONS,
    ConfirmOption,
    RoundingOption,
    YesOption,
    UndoOptions,
    RunningOptions,
    VerifyOption,
    JournalOptions,
    RetryFailedOption,
    LockOptions,
    MonitoringOptions,
    ReportOptions,
)
def apply_command(given: Given) -> None:
    """Carry out a plan that delete, expire, clean or sync wrote.

    A plan is written by --plan. Each record is read again first, and kept if it has changed since
    it was planned. So a plan can be reviewed and reduced, by jq for example, and applying it twice
    changes nothing new.
    """
    from kvsctl.cli.cleanup.apply_request import apply_job, plan_path
    from kvsctl.cli.installations.naming import PLACE
    from kvsctl.errors import UsageError

    if given.of(ApplyOptions).show:
        from kvsctl.cli.cleanup.showing import show

        if given.of(ReportOptions).json:
            raise UsageError(
                "--show and --json exclude each other",
                "A plan is JSON Lines already: read the file, or leave out one of them.",
            )
        path = plan_path(given)
        if path is not None and PLACE in path.name:
            raise UsageError(
                f"{path}: --show shows one plan", f"Put an installation in the place of {PLACE}."
            )
        show(path)
        return
    from kvsctl.cli.carry_out import carry_out_job

    carry_out_job("apply", given, apply_job)
