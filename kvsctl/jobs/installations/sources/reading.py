"""Read the store that all installations are compared with."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from kvsctl.config.installations import short_id
from kvsctl.config.targets import Target
from kvsctl.errors import KvsctlError, UsageError
from kvsctl.jobs.cron.time_limit import MORE_TIME, TimeLimit, Untouched
from kvsctl.jobs.installations.job import InstallationsJob
from kvsctl.jobs.job import BatchJob
from kvsctl.jobs.progress.showing import showing_progress
from kvsctl.jobs.question import nothing_done
from kvsctl.jobs.runner import Interrupts
from kvsctl.jobs.store.copy import SourceCopy
from kvsctl.report.console import Environment
from kvsctl.report.escape import visible
from kvsctl.report.progress.following import Input

WRITTEN: Final = "written"
"""What refusals say that a sync has not done."""


def others_than_source(
    job: InstallationsJob, targets: Sequence[Target], environment: Environment
) -> list[Target]:
    """Return the installations without the one that is certainly the source, and note that.

    Raise UsageError if there is no other.
    """
    if job.source is None:
        return list(targets)
    source = _comparable(job.source.listed.store.target)
    others = [one for one in targets if not source.is_same_store(_comparable(one))]
    if len(others) < len(targets) and not others:
        raise UsageError("--from and the target are the same store", "Name other installations.")
    for one in targets:
        if one not in others and not job.reporting.quiet:
            environment.note(f"{visible(str(one.installation))} is the source, and is left out")
    return others


def _comparable(target: Target) -> Target:
    """Return a target with its installation in one form, whether given as UUID or as ARI."""
    name = target.installation
    return target if name is None else replace(target, installation=short_id(name).lower())


def before_reading(template: BatchJob, done_before: int) -> Untouched:
    """Return what a job must do before it begins with an installation: read the source.

    `done_before`: how many records earlier runs of the job have written.
    """
    done = WRITTEN if template.comparison is None else "compared"
    return Untouched("the source was read", nothing_done(done, done_before), MORE_TIME)


async def read_source(
    job: InstallationsJob,
    copy: SourceCopy,
    environment: Environment,
    interrupts: Interrupts,
    limit: TimeLimit,
) -> KvsctlError | None:
    """Read the source, and show how far that is. Return the error that ended this early, if any."""
    plan, source = copy.listed.store.plan, Input(is_listing=True, lists_only=True)
    label = f"{job.command}: reading the source"
    shown = showing_progress(environment, label, job.reporting, copy.tally, plan, source)
    with shown as (listeners, note):
        return await copy.read(listeners, interrupts, limit, note)
