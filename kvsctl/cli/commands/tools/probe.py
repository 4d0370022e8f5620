"""kvsctl probe: find out what a target does where the documentation is silent."""

from kvsctl.cli.option_groups import Given, takes
from kvsctl.cli.options.target import ConfirmOption, TargetOptions, YesOption
from kvsctl.cli.options.tools.asking import AskingOptions
from kvsctl.cli.options.tools.probe import ProbeOptions


@takes(ProbeOptions, AskingOptions, TargetOptions, ConfirmOption, YesOption)
def probe_command(given: Given) -> None:
    """Find out what a target does where documentation is silent.

    Shows what it costs, and asks. Then it writes scratch records below a prefix of their own, and
    deletes them at the end. What it finds out is a profile for kvsctl and its emulator.
    """
    from kvsctl.cli.carry_out import carry_out
    from kvsctl.cli.tools.probe_request import probe_job
    from kvsctl.jobs.probe.running import probe

    carry_out("probe", given, probe_job, probe)
