"""Show how far a comparison has come."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from kvsctl.bulk.events import Listener
from kvsctl.jobs.job import Reporting
from kvsctl.report.console import Environment

Shown: TypeAlias = tuple[Sequence[Listener], Callable[[str], None]]
"""Listeners that show progress, and a function that writes a line of the command's own."""


@contextmanager
def showing_progress(
    environment: Environment,
    label: str,
    reporting: Reporting,
    *,
    prints_records: bool = False,
) -> Iterator[Shown]:
    """Draw progress on a terminal inside the block, if that is wanted.

    `prints_records`: see `Environment.wants_progress`.
    """
    is_silenced = (
        environment.log is not None
        or reporting.quiet
        or reporting.as_json
        or bool(reporting.verbosity)
    )
    if not environment.wants_progress(is_silenced=is_silenced, prints_records=prints_records):
        yield (), lambda text: environment.note(text)
        return
    from kvsctl.report.progress import ProgressBarLine
    from kvsctl.report.rich_console import stderr_console

    console = stderr_console(environment)
    with ProgressBarLine(console, label, columns=environment.current_width) as progress:
        yield [progress], lambda text: progress.print_above(f"kvsctl: {text}")
