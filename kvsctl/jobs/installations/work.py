"""Carry out a job on several installations, many at a time, and report what happened."""

import asyncio
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import islice

from msgspec.structs import replace

from kvsctl import __version__
from kvsctl.config.targets import Target
from kvsctl.errors import ExitStatus, KvsctlError, UsageError
from kvsctl.files.claims import require_unused, require_writable, resolved
from kvsctl.jobs.access import require_permitted
from kvsctl.jobs.cron.lock import locked
from kvsctl.jobs.cron.time_limit import TimeLimit
from kvsctl.jobs.installations.ending import Ending
from kvsctl.jobs.installations.job import InstallationsJob
from kvsctl.jobs.installations.part import Around, work_on
from kvsctl.jobs.installations.runs import Runs
from kvsctl.jobs.installations.sharing import SharedStdout
from kvsctl.jobs.installations.stops import Stops
from kvsctl.jobs.installations.sums import Sum
from kvsctl.jobs.job import BatchJob
from kvsctl.jobs.replacing import require_replaceable
from kvsctl.jobs.runner import Among, Interrupts
from kvsctl.report.console import Environment
from kvsctl.report.document import About, ReportFile
from kvsctl.service.transport.shared import SharedCarriers


async def run_on_installations(
    job: InstallationsJob, environment: Environment, interrupts: Interrupts
) -> ExitStatus:
    """Carry out `job` on each of its installations. Report all, and return the exit status.

    Raise KvsctlError, before anything is sent to a store, if the installations cannot be listed or
    if the job cannot be carried out on any. What goes wrong in one stops no other, and is reported.
    """
    limit = TimeLimit(job.schedule.max_duration_seconds, "Run the same command again.")
    async with locked(job, limit.ends_at, environment):
        targets = await job.choice.targets()
        if not targets:
            raise UsageError("there are no installations", "Is the app installed anywhere?")
        _require_names(targets)
        template = job.job_of(targets[0])
        _require_possible(template)
        require_replaceable(job.reporting, writes_failures=False, manifest_path=None)
        require_permitted(template, environment)
        return await _Work(job, template, targets, environment, interrupts, limit).carried_out()


def _require_names(targets: Sequence[Target]) -> None:
    """Raise UsageError if two installations would have one name in files: see `outputs.names`."""
    from kvsctl.outputs.names import name_in_files

    names: dict[str, str] = {}
    for one in targets:
        name = str(one.installation)
        other = names.setdefault(name_in_files(one), name)
        if other != name:
            raise UsageError(f"installations {other} and {name} have the same name in files")


def _require_possible(template: BatchJob) -> None:
    """Raise UsageError if the job cannot be carried out on several installations."""
    if template.cleanup is not None or template.rehearsal is not None:
        raise UsageError(
            "what selectors choose is deleted in one installation at a time",
            "Give keys, or one installation.",
        )
    name = template.input.single_use
    if name is not None:
        raise UsageError(
            f"the input is read for each installation, but {name} can be read only once",
            "Save it as a regular file and give that with -f.",
        )


class _Work:
    """One run of such a job."""

    def __init__(
        self,
        job: InstallationsJob,
        template: BatchJob,
        targets: Sequence[Target],
        environment: Environment,
        interrupts: Interrupts,
        limit: TimeLimit,
    ) -> None:
        self._job = job
        self._template = template
        self._targets = targets
        self._environment = environment
        self._interrupts = interrupts
        self._limit = limit
        self._runs = Runs(interrupts)
        self._sum = Sum([str(one.installation) for one in targets])
        self._stops = Stops(job.canaries, job.most_failed, len(targets))
        self._started_at = datetime.now(UTC)
        self._is_out_of_time = False

    async def carried_out(self) -> ExitStatus:
        """Do everything. Return the exit status. Raise KvsctlError before anything is sent."""
        started = time.monotonic()
        with ExitStack() as closing:
            report = self._opened_report()
            if report is not None:
                closing.callback(report.close)
            stdout = self._shared_stdout()
            carriers = SharedCarriers()
            around = self._around(carriers, stdout)
            with (
                self._interrupts.stopping(self._runs, self._environment.note),
                self._limit.stopping(self),
            ):
                try:
                    await self._all(around)
                finally:
                    await carriers.aclose()
            broken = None if stdout is None else stdout.complete()
            ending = Ending(
                self._job,
                self._about(),
                self._environment,
                self._sum,
                report,
                prints_records=self._template.records is not None,
            )
            error = self._stops.error or self._work_left()
            elapsed_seconds = time.monotonic() - started
            return ending.publish(error, broken, self._interrupts.interrupted, elapsed_seconds)

    def run_out_of_time(self) -> None:
        """Begin no other installation. Those at work end by themselves: see `part`."""
        self._is_out_of_time = True

    def _opened_report(self) -> ReportFile | None:
        path = self._job.reporting.report_path
        if path is None:
            return None
        require_writable(path)
        require_unused(resolved(path), "the report")
        return ReportFile(path)

    def _shared_stdout(self) -> SharedStdout | None:
        records = self._template.records
        if records is None or records.path is not None:
            return None
        if self._environment.stdout_fd is None:
            raise UsageError("cannot print records: stdout is closed", "Use --output FILE.")
        return SharedStdout(self._environment.stdout_fd)

    def _around(self, carriers: SharedCarriers, stdout: SharedStdout | None) -> Around:
        environment = replace(
            self._environment,
            stderr_fd=None,
            stderr_is_terminal=False,
            stdin_is_terminal=False,
            can_redraw=False,
            log=None,
            stdout_sink=None if stdout is None else stdout.sink,
        )
        return Around(environment, self._runs, Among(carriers))

    def _about(self) -> About:
        count = len(self._targets)
        return About(
            command=self._job.command,
            target=self._job.choice.target.display,
            version=__version__,
            started_at=self._started_at,
            covers="1 installation" if count == 1 else f"{count:,} installations",
            shard=None if self._template.shard is None else str(self._template.shard),
        )

    async def _all(self, around: Around) -> None:
        targets = iter(self._targets)
        for most in self._stops.rounds():
            await self._round(islice(targets, most), around)

    async def _round(self, targets: Iterator[Target], around: Around) -> None:
        """Work on installations, many at a time, until there are no more or the job stops."""

        async def work() -> None:
            for target in targets:
                if self._is_stopping:
                    return
                await self._one(target, around)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(self._job.at_once, len(self._targets))):
                tasks.create_task(work())

    @property
    def _is_stopping(self) -> bool:
        return self._runs.is_stopping or self._is_out_of_time or self._stops.error is not None

    async def _one(self, target: Target, around: Around) -> None:
        seconds_left = math.inf
        if self._limit.ends_at < math.inf:
            seconds_left = self._limit.ends_at - asyncio.get_running_loop().time()
        line, end = await work_on(target, self._job, around, seconds_left)
        self._sum.add(line, end)
        self._stops.note(line)
        if line.exit_code == ExitStatus.PIPE_CLOSED:
            self._runs.stop()

    def _work_left(self) -> KvsctlError | None:
        if not self._is_out_of_time or not (self._sum.not_begun or self._sum.has_work_left):
            return None
        return self._limit.work_left()
