"""The sum of reports, for people, on stdout."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from kvsctl.report.console import Environment
from kvsctl.report.document import About
from kvsctl.report.merging.shown import dry_run_of, tally_of
from kvsctl.report.styled import painted
from kvsctl.report.summary import plural, summary


def page_of(report: Mapping[str, Any], count: int, environment: Environment) -> bytes:
    """Return what to write to stdout about the sum of `count` reports."""
    tally = tally_of(report)
    about = About(
        report["command"],
        report["target"],
        report["version"],
        datetime.fromisoformat(report["started_at"]),
        covers=f"{count:,} {plural('report', count)}",
        shard=report.get("shard"),
    )
    stdout = _on_stdout(environment)
    text = summary(stdout, tally, about, report["elapsed_s"], dry_run_of(report))
    text += painted([(f"exit code {report['exit_code']}", "")], stdout)
    page = text.encode(stdout.encoding, "backslashreplace")
    if not tally.groups:
        return page
    from kvsctl.report.failures_table import print_failures
    from kvsctl.report.rich_console import stdout_console, text_on

    console = stdout_console(environment)
    print_failures(console, tally.groups, tally.failures)
    return page + text_on(console, environment)


def _on_stdout(environment: Environment) -> Environment:
    """Return an environment in which lines for stderr are formatted for stdout."""
    return msgspec.structs.replace(
        environment,
        stderr_is_terminal=environment.stdout_is_terminal,
        stderr_has_colour=environment.stdout_has_colour,
        can_redraw=environment.stdout_is_terminal,
        width=environment.stdout_width,
        encoding=environment.stdout_encoding,
    )
