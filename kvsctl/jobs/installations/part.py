"""Carry out the job of one installation among several."""

import asyncio
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from msgspec.structs import replace

from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.shared_window import SharedWindow
from kvsctl.config.targets import Target
from kvsctl.errors import ExitStatus, KvsctlError
from kvsctl.files.sinks import ByteSink
from kvsctl.jobs.cleanup.spool import spool_memory
from kvsctl.jobs.connect import Carriers
from kvsctl.jobs.cron.time_limit import TimeLimit
from kvsctl.jobs.installations.job import InstallationsJob
from kvsctl.jobs.job import BatchJob, JobEnd, KeptEnd, Schedule
from kvsctl.jobs.runner import Among, Interrupts, run_job
from kvsctl.report.console import Environment
from kvsctl.report.installations.ends import InstallationEnd, counts_of
from kvsctl.report.progress.standing import Display
from kvsctl.unexpected import explained

if TYPE_CHECKING:
    from kvsctl.jobs.compare.comparing import Comparison
    from kvsctl.jobs.compare.verifying import Verification

_TO_RUN_AGAIN: Final = (ExitStatus.WORK_LEFT, ExitStatus.INTERRUPTED, ExitStatus.TERMINATED)


class PartEnd(NamedTuple):
    """How the job of an installation ended. `job_end` None: it had no run."""

    line: InstallationEnd
    job_end: JobEnd | None


class Around(NamedTuple):
    """The surroundings of the job of an installation, which prints no report and asks nothing.

    `ends_at`: when the time of all jobs is up, by the loop's clock. `window` bounds how many
    records all of them have in flight.
    """

    environment: Environment
    interrupts: Interrupts
    among: Among
    ends_at: float
    window: SharedWindow


def around_parts(
    environment: Environment,
    display: Display | None,
    interrupts: Interrupts,
    carriers: Carriers,
    ends_at: float,
    stdout_sink: Callable[[Callable[[], None]], ByteSink] | None,
) -> Around:
    """Return the surroundings of each job. `environment` is that of the job as a whole."""
    environment = replace(
        environment,
        stderr_fd=None,
        stderr_is_terminal=False,
        stdin_is_terminal=False,
        can_redraw=False,
        log=None,
        stdout_sink=stdout_sink,
        display=display,
    )
    among = Among(carriers, spool_memory())
    return Around(environment, interrupts, among, ends_at, SharedWindow())


Changed: TypeAlias = Callable[[BatchJob], BatchJob]
"""Changes the job of an installation before it is carried out."""


async def work_on(
    target: Target,
    job: InstallationsJob,
    around: Around,
    changed: Changed = lambda job: job,
    pacer: Pacer | None = None,
) -> PartEnd:
    """Carry out the job of an installation. Return how it ended; no error is raised."""
    kept = KeptEnd()
    error: KvsctlError | None = None
    try:
        made = job.job_of(target)
        if made.exports:
            await _require_matching(made, around)
        part = changed(_part_of(made, around)).watched_by(kept)
        if part.comparison is not None:
            status = await _compared(part, part.comparison, around)
        elif part.verification is not None:
            status = await _verified(part, part.verification, around)
        else:
            status = await run_job(
                part, around.environment, around.interrupts, pacer=pacer, among=around.among
            )
    except Exception as raised:
        error = explained(raised)
        status = error.status
    end = kept.end
    message = error.message if error is not None else None if end is None else end.error
    hint = error.hint if error is not None else None if end is None else end.hint
    if status in _TO_RUN_AGAIN:
        hint = None  # the end of the job as a whole says it
    name = target.installation or target.name
    finding = None if end is None else end.finding
    if end is None or end.tally is None:
        line = InstallationEnd(name, int(status), message, finding=finding, hint=hint)
        return PartEnd(line, None)
    counts = counts_of(end.tally)
    line = InstallationEnd(
        name, int(status), message, end.elapsed_seconds, counts, end.compared, finding, hint
    )
    return PartEnd(line, end)


async def _require_matching(job: BatchJob, around: Around) -> None:
    """Raise UsageError if a file that the job reads does not match the manifest beside it.

    Raise Interrupted if the job is stopped meanwhile, or if the time of all jobs is up.
    """
    from kvsctl.jobs.compare.checking import compare_with_manifests  # few jobs read exports

    limit = TimeLimit(schedule_of_part(job, around.ends_at))
    note = around.environment.note
    await compare_with_manifests(job.exports, around.interrupts, limit, note)


async def _compared(part: BatchJob, comparison: "Comparison", around: Around) -> ExitStatus:
    """Compare an installation in place of sending records. Return the exit status."""
    from kvsctl.jobs.compare.comparing import compare  # few jobs compare

    watched = replace(comparison, schedule=part.schedule, watcher=part.watcher)
    return await compare(watched, around.environment, around.interrupts, among=around.among)


async def _verified(part: BatchJob, verification: "Verification", around: Around) -> ExitStatus:
    """Verify the export of an installation in place of sending records. Return the exit status."""
    from kvsctl.jobs.compare.verifying import verify  # few jobs verify

    await asyncio.sleep(0)  # a missing file waits for nothing: let signals be handled
    installation = str(part.target.installation)
    watched = replace(verification, schedule=part.schedule, watcher=part.watcher)
    watched = replace(watched, installation=installation)
    return await verify(watched, around.environment, around.interrupts, among=around.among)


def _part_of(job: BatchJob, around: Around) -> BatchJob:
    """Return a job that asks nothing, as its question was answered, and ends with the others."""
    return replace(
        job,
        plan=replace(job.plan, shared_window=around.window),
        schedule=schedule_of_part(job, around.ends_at),
        confirmed_target=job.target.name,
        question=None,
        has_consent=None if job.has_consent is None else True,
    )


def schedule_of_part(job: BatchJob, ends_at: float) -> Schedule:
    """Return the schedule of a job that ends with the others, and for which a lock is held."""
    schedule = replace(job.schedule, lock_path=None, spent_seconds=0.0)
    if ends_at == math.inf:
        return schedule
    left = max(1, math.ceil(ends_at - asyncio.get_running_loop().time()))
    whole = schedule.max_duration_seconds or left
    return replace(schedule, max_duration_seconds=whole, spent_seconds=float(whole - left))
