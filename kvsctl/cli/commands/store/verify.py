"""kvsctl verify: check an export."""

from kvsctl.cli.option_groups import Given, takes
from kvsctl.cli.options.comparing import VerifyOptions
from kvsctl.cli.options.cron import LockOptions, MonitoringOptions
from kvsctl.cli.options.installations.one_store import OneStoreOptions
from kvsctl.cli.options.report import ReportOptions
from kvsctl.cli.options.running import RunningOptions


@takes(
    VerifyOptions,
    OneStoreOptions,
    RunningOptions,
    LockOptions,
    MonitoringOptions,
    ReportOptions,
)
def verify_command(given: Given) -> None:
    """Check that an export is whole and unchanged.

    It is compared with the manifest beside it, FILE.manifest.json. With --against, also read its
    keys from a target and compare the values. Otherwise nothing is sent. The exit code is 1 if the
    file was truncated or altered, or if a record differs.
    """
    from kvsctl.cli.carry_out import carry_out
    from kvsctl.cli.compare_request import verification
    from kvsctl.jobs.compare.verifying import verify

    carry_out("verify", given, verification, verify)
