"""kvsctl set: write records."""

from kvsctl.cli.option_groups import Given, takes
from kvsctl.cli.options.checking import CheckingOptions
from kvsctl.cli.options.cron import LockOptions, MonitoringOptions
from kvsctl.cli.options.input import InputOptions, ManifestOption, ShardOption, WorkersOption
from kvsctl.cli.options.installations.working import SEVERAL_INSTALLATIONS
from kvsctl.cli.options.journal import JournalOptions, RetryFailedOption
from kvsctl.cli.options.report import FailuresOption, ReportOptions
from kvsctl.cli.options.running import RunningOptions, VerifyOption
from kvsctl.cli.options.set import SetOptions
from kvsctl.cli.options.shape import ShapeOptions, ValueOptions
from kvsctl.cli.options.target import ConfirmOption, RoundingOption, TargetOptions


@takes(
    SetOptions,
    InputOptions,
    ShapeOptions,
    ValueOptions,
    ManifestOption,
    ShardOption,
    WorkersOption,
    CheckingOptions,
    TargetOptions,
    *SEVERAL_INSTALLATIONS,
    ConfirmOption,
    RoundingOption,
    RunningOptions,
    VerifyOption,
    JournalOptions,
    RetryFailedOption,
    LockOptions,
    MonitoringOptions,
    ReportOptions,
    FailuresOption,
)
def set_command(given: Given) -> None:
    """Write records from arguments, files or stdin.

    Input is KEY=VALUE pairs, JSON Lines, a JSON array, CSV or TSV. A record in JSON is
    {"key": KEY, "value": VALUE}, with optional "entityName" and "ttl". If a key occurs more than
    once in the input, its last valid record is the one that is stored.
    """
    from functools import partial

    from kvsctl.cli.carry_out import carry_out_job
    from kvsctl.cli.request import batch_job
    from kvsctl.model import Verb

    carry_out_job("set", given, partial(batch_job, Verb.SET))
