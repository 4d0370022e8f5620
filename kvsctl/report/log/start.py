"""Log that a run has started, and choose the listeners that show its requests."""

from collections.abc import Sequence

from kvsctl.bulk.events import Listener
from kvsctl.report.console import Environment
from kvsctl.report.document import About
from kvsctl.report.log.run_events import RunEvents
from kvsctl.report.request_lines import RequestLines


def log_start(
    environment: Environment, about: About, *, is_quiet: bool, verbosity: int
) -> Sequence[Listener]:
    """Log the start of a run, if there is a log. Return listeners that log or show requests."""
    log = environment.log
    if log is None:
        return [RequestLines(environment.write_line)] if verbosity else []
    if is_quiet:
        return []
    log.log(
        "started",
        version=about.version,
        target=about.target,
        shard=about.shard,
        token_source=about.token_source,
    )
    return [RunEvents(log, shows_requests=bool(verbosity))]
