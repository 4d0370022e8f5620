"""kvsctl get: read records."""

from kvsctl.cli.option_groups import Given, takes
from kvsctl.cli.options.checking import CheckingOptions
from kvsctl.cli.options.cron import LockOptions, MonitoringOptions
from kvsctl.cli.options.get import GetOptions
from kvsctl.cli.options.input import (
    InputOptions,
    KeysArgument,
    NullOption,
    ShardOption,
    WorkersOption,
)
from kvsctl.cli.options.installations.working import SEVERAL_INSTALLATIONS
from kvsctl.cli.options.journal import JournalOptions, RetryFailedOption
from kvsctl.cli.options.report import FailuresOption, OutputOption, ReportOptions
from kvsctl.cli.options.running import RunningOptions
from kvsctl.cli.options.shape import KeyFormOption, ShapeOptions
from kvsctl.cli.options.target import TargetOptions


@takes(
    KeysArgument,
    GetOptions,
    InputOptions,
    NullOption,
    ShapeOptions,
    KeyFormOption,
    ShardOption,
    WorkersOption,
    CheckingOptions,
    TargetOptions,
    *SEVERAL_INSTALLATIONS,
    RunningOptions,
    JournalOptions,
    RetryFailedOption,
    LockOptions,
    MonitoringOptions,
    OutputOption,
    ReportOptions,
    FailuresOption,
)
def get_command(given: Given) -> None:
    """Read records and print them as JSON Lines.

    They are printed in the order of the input. A key that does not exist is a failure, unless
    --ignore-missing is given.
    """
    from functools import partial

    from kvsctl.cli.carry_out import carry_out_job
    from kvsctl.cli.request import batch_job
    from kvsctl.model import Verb

    carry_out_job("get", given, partial(batch_job, Verb.GET))
