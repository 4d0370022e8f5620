"""Choose where to show how far a job is, and follow its run."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol, TypeAlias

from kvsctl.bulk.events import Listener
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.plan import RunPlan
from kvsctl.jobs.job import BatchJob, Reporting
from kvsctl.jobs.signals import Steered
from kvsctl.report.console import Environment
from kvsctl.report.progress.following import Following, Input
from kvsctl.report.progress.heartbeat import HeartbeatDisplay
from kvsctl.report.progress.standing import Display

Shown: TypeAlias = tuple[Sequence[Listener], Callable[[str], None]]
"""Listeners that follow a run, and a function that writes a line of the command's own."""


def display_of(
    environment: Environment, reporting: Reporting, *, prints_records: bool
) -> Display | None:
    """Return where to show how far a job is; None: nowhere.

    It is drawn on a terminal, but not between records that are printed there (`prints_records`: on
    stdout, during the run). Elsewhere, a line is written at intervals. Nothing is shown if the user
    asked for quiet, for JSON that a program reads, or for a line per request.
    """
    if environment.display is not None:
        return environment.display
    if reporting.quiet or reporting.as_json or reporting.verbosity or environment.stderr_fd is None:
        return None
    if environment.log is None and environment.can_redraw:
        is_shared = prints_records and environment.stdout_is_terminal
        if is_shared:
            return None
        from kvsctl.report.progress.terminal import TerminalDisplay  # logs have no use for it

        return TerminalDisplay(environment)
    if not reporting.stats_seconds:
        return None
    return HeartbeatDisplay(environment, reporting.stats_seconds)


class Passing(Protocol):
    """What the journal of a job knows of its input: see `jobs.journal.JobJournal`."""

    @property
    def passed(self) -> int:
        """How many of the records that were read an earlier run has settled."""
        ...


class JobProgress:
    """Shows how far a batch job is. Set `run` once there is one."""

    def __init__(self, job: BatchJob, environment: Environment) -> None:
        records = job.records
        prints_records = records is not None and records.path is None and not records.prints_at_end
        self._job = job
        self._environment = environment
        self.display: Final = display_of(environment, job.reporting, prints_records=prints_records)
        self.run: Steered | None = None

    def note(self, text: str) -> None:
        """Write a line of the command's own to stderr at once, above what is drawn."""
        if self.display is None or self._environment.display is not None:
            self._environment.note(text)
        else:
            self.display.write_above(text)

    def following(
        self,
        command: str,
        tally: Tally,
        journal: Passing,
        records: int | None,
        *,
        lists_only: bool,
    ) -> Following:
        """Return a follower of a run of the job, which begins now."""
        job = self._job
        is_part = self._environment.display is not None
        source = Input(
            fraction_read=job.input.fraction_read,
            passed=lambda: journal.passed,
            records=records,
            is_listing=job.listing is not None,
            lists_only=lists_only,
        )
        return Following(
            (job.target.installation if is_part else None) or command,
            tally,
            source,
            pace=job.plan.pace,
            batch_records=job.plan.packing.max_records,
            in_flight=lambda: 1 if self.run is None else self.run.in_flight or 0,
        )


@contextmanager
def showing_progress(
    environment: Environment,
    label: str,
    reporting: Reporting,
    tally: Tally,
    plan: RunPlan,
    source: Input | None = None,
    *,
    prints_records: bool = False,
) -> Iterator[Shown]:
    """Show the progress of a run outside batch jobs, inside the block, if that is wanted.

    `tally` counts it, and `plan` is its plan. `prints_records`: see `display_of`.
    """
    display = display_of(environment, reporting, prints_records=prints_records)
    if display is None:
        yield (), lambda text: environment.note(text)
        return
    batch = plan.packing.max_records
    following = Following(label, tally, source, pace=plan.pace, batch_records=batch)
    with display.showing(following):
        yield [following], display.write_above
