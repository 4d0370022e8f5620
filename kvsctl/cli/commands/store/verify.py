"""kvsctl verify: check an export."""

from kvsctl.cli.option_groups import Given, takes
from kvsctl.cli.options.comparing import VerifyOptions
from kvsctl.cli.options.running import RunningOptions


@takes(VerifyOptions, RunningOptions)
def verify_command(given: Given) -> None:
    """Check that an export still matches the manifest beside it, FILE.manifest.json.

    With --against, also read its keys from a target and compare the values. Otherwise nothing is
    sent. The exit code is 1 if the file was truncated or altered, or if a record differs.
    """
    import sys

    from kvsctl.cli.compare_request import comparand
    from kvsctl.errors import UsageError
    from kvsctl.jobs.compare.verifying import verify
    from kvsctl.jobs.event_loop import on_a_loop
    from kvsctl.jobs.signals import Signals
    from kvsctl.report.console import Environment

    options = given.of(VerifyOptions)
    if options.path is None:
        raise UsageError("no file is given", "For example: kvsctl verify backup.jsonl")
    other = comparand(given, options.path)
    has_network = other is not None and other.store.target.url is not None
    environment = Environment.of_process()
    with Signals() as signals:
        job = verify(options.path, other, environment, signals, as_json=options.json)
        sys.exit(on_a_loop(job, has_network=has_network))
