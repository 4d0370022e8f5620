"""kvsctl verify: check an export."""

from kvsctl.cli.option_groups import Given, takes
from kvsctl.cli.options.comparing import VerifyOptions
from kvsctl.cli.options.cron import LockOptions, MonitoringOptions
from kvsctl.cli.options.installations.working import SEVERAL_INSTALLATIONS
from kvsctl.cli.options.report import ReportOptions
from kvsctl.cli.options.running import RunningOptions


@takes(
    VerifyOptions,
    *SEVERAL_INSTALLATIONS,
    RunningOptions,
    LockOptions,
    MonitoringOptions,
    ReportOptions,
)
def verify_command(given: Given) -> None:
    """Check that an export is whole and unchanged.

    It is compared with the manifest beside it, FILE.manifest.json. With --against, also read its
    keys from a target and compare the values. Otherwise nothing is sent. The exit code is 1 if the
    file was truncated or altered, or if a record differs. On several installations,
    {installation} in the name of FILE stands for the id of each.
    """
    from kvsctl.cli.carry_out import carry_out, carry_out_on_each, names_several
    from kvsctl.cli.verify_request import on_installations, verification, verification_on_each
    from kvsctl.jobs.compare.verifying import verify

    if names_several(given):
        carry_out_on_each("verify", given, verification_on_each, as_given=on_installations)
    carry_out("verify", given, verification, verify)
