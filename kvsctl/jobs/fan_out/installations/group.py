"""The job of a unit: the same job on some installations, at the same time."""

import asyncio
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Self

import msgspec
from msgspec.structs import replace

from kvsctl.bulk.pacing.app_invocations import pacer_of
from kvsctl.bulk.pacing.pace import Pace
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.shared_window import SharedWindow
from kvsctl.config.targets import Target
from kvsctl.errors import ExitStatus
from kvsctl.jobs.cleanup.spool import spool_memory
from kvsctl.jobs.fan_out.installations.member import Member
from kvsctl.jobs.installations.counting import limited
from kvsctl.jobs.installations.job import InstallationsJob
from kvsctl.jobs.installations.part import Around, PartEnd, work_on
from kvsctl.jobs.installations.runs import Runs
from kvsctl.jobs.installations.sharing import shared_carriers
from kvsctl.jobs.job import JobEnd, Reporting, Schedule, Watcher
from kvsctl.jobs.runner import Among, Interrupts
from kvsctl.report.console import Environment


class Group(msgspec.Struct, frozen=True):
    """Some installations of a job, which a worker works on at the same time.

    `targets` are in the order of `members`. `workers`: how many share the limit of open files.
    `ends_at`: the Unix time at which they must end.
    """

    job: InstallationsJob
    targets: Sequence[Target]
    members: Sequence[Member]
    workers: int
    ends_at: float | None = None
    watcher: Watcher | None = None

    @property
    def command(self) -> str:
        """See Job."""
        return self.job.command

    @property
    def reporting(self) -> Reporting:
        """See Job: it reports to the process that submitted it."""
        return Reporting(quiet=True)

    @property
    def schedule(self) -> Schedule:
        """See Job: the whole has the lock."""
        return Schedule()

    @property
    def has_network(self) -> bool:
        """See Job."""
        return True

    @property
    def labels(self) -> Mapping[str, str]:
        """See Job."""
        return self.job.labels

    def watched_by(self, watcher: Watcher) -> Self:
        """See Job."""
        return replace(self, watcher=watcher)


async def carry_out_group(
    group: Group, environment: Environment, interrupts: Interrupts
) -> ExitStatus:
    """Carry out the job of each installation; the watcher receives how each of them ended.

    Fewer are worked on at a time if the process may open few files. Then installations whose turn
    comes after a stop, or after the time is up, are left out.
    """
    loop, started = asyncio.get_running_loop(), time.monotonic()
    ends_at = math.inf if group.ends_at is None else loop.time() + group.ends_at - time.time()
    runs, carriers = Runs(interrupts), shared_carriers(len(group.targets), group.workers)
    around = Around(environment, runs, Among(carriers, spool_memory()), ends_at, SharedWindow())
    try:
        with interrupts.stopping(runs, environment.note):
            pairs = zip(group.targets, group.members, strict=True)
            turns = [_work_on_each(pairs, group.job, around, runs) for _ in range(carriers.clients)]
            ends = [end for some in await asyncio.gather(*turns) for end in some]
    finally:
        await carriers.aclose()
    if group.watcher is not None:
        elapsed_seconds = time.monotonic() - started
        group.watcher.note_end(JobEnd(None, elapsed_seconds, None, installations=ends))
    return ExitStatus.OK


async def _work_on_each(
    pairs: Iterator[tuple[Target, Member]], job: InstallationsJob, around: Around, runs: Runs
) -> list[PartEnd]:
    """Work on one installation after the other until none is left. Return how each ended."""
    clock, ends = asyncio.get_running_loop().time, list[PartEnd]()
    for target, member in pairs:
        ends.append(await _work_on(target, member, job, around))
        if runs.is_stopping or clock() >= around.ends_at:
            break
    return ends


async def _work_on(
    target: Target, member: Member, job: InstallationsJob, around: Around
) -> PartEnd:
    """Do the same as the process of the whole job would. Return how that ended."""
    found = member.found
    if found is None:
        line, end = await work_on(target, job, around)
    else:
        pacer = pacer_after(member.units_read, job.job_of(target).plan.pace)
        line, end = await work_on(target, job, around, lambda part: limited(part, found), pacer)
    return PartEnd(line, None if end is None else replace(end, report=None))


def pacer_after(units_read: int, pace: Pace) -> Pacer:
    """Return a pacer that counts the units that another process has used of the installation."""
    pacer = pacer_of(pace)
    started = pacer.start(units_read, 1, reads=True)
    pacer.end(started, requests=1, units=units_read)
    return pacer
