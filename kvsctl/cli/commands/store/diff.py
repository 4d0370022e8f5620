"""kvsctl diff: compare records."""

from kvsctl.cli.option_groups import Given, takes
from kvsctl.cli.options.comparing import DiffOptions, DiffReportOptions
from kvsctl.cli.options.input import ManifestOption
from kvsctl.cli.options.running import RunningOptions
from kvsctl.cli.options.shape import ShapeOptions, ValueOptions
from kvsctl.cli.options.target import TargetOptions


@takes(
    DiffOptions,
    ManifestOption,
    ShapeOptions,
    ValueOptions,
    TargetOptions,
    RunningOptions,
    DiffReportOptions,
)
def diff_command(given: Given) -> None:
    """Compare the records of -f FILE (left) with those of a target, or of --with FILE (right).

    A record is added if only the right has it, missing if only the left has it, and changed if
    their values differ. From a target, only the keys of FILE are read. Expiry is not compared. The
    exit code is 1 if anything differs.
    """
    import sys

    from kvsctl.cli.comparing import comparison
    from kvsctl.jobs.event_loop import on_a_loop
    from kvsctl.jobs.signals import Signals
    from kvsctl.jobs.store.comparing import compare
    from kvsctl.jobs.store.reading import StoreSide
    from kvsctl.report.console import Environment

    environment, job = Environment.of_process(), comparison(given)
    has_network = isinstance(job.right, StoreSide) and job.right.target.url is not None
    with Signals() as signals:
        sys.exit(on_a_loop(compare(job, environment, signals), has_network=has_network))
