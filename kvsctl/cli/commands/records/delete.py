"""kvsctl delete: delete keys."""

from kvsctl.cli.option_groups import Given, takes
from kvsctl.cli.options.checking import CheckingOptions
from kvsctl.cli.options.cron import LockOptions, MonitoringOptions
from kvsctl.cli.options.input import InputOptions, KeysArgument, NullOption, ShardOption
from kvsctl.cli.options.journal import JournalOptions, RetryFailedOption
from kvsctl.cli.options.report import FailuresOption, ReportOptions
from kvsctl.cli.options.running import RunningOptions, VerifyOption
from kvsctl.cli.options.shape import KeyFormOption, ShapeOptions
from kvsctl.cli.options.target import ConfirmOption, TargetOptions


@takes(
    KeysArgument,
    InputOptions,
    NullOption,
    ShapeOptions,
    KeyFormOption,
    ShardOption,
    CheckingOptions,
    TargetOptions,
    ConfirmOption,
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
    """Delete keys given as arguments, or read from files or stdin: one per line, or JSON Lines.

    Deleting a key that does not exist succeeds.
    """
    from functools import partial

    from kvsctl.cli.carry_out import carry_out
    from kvsctl.cli.request import batch_job
    from kvsctl.jobs.runner import run_job
    from kvsctl.model import Verb

    carry_out("delete", given, partial(batch_job, Verb.DELETE), run_job)
