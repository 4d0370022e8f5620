"""Carry out a job on several installations, many at a time, and report what happened."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from kvsctl import __version__
from kvsctl.config.targets import Target
from kvsctl.errors import RUN_AGAIN, ExitStatus, KvsctlError, UsageError, WorkLeft
from kvsctl.files.claims import require_unused, require_writable, resolved
from kvsctl.jobs.access import require_permitted, require_rehearsable
from kvsctl.jobs.cron.lock import locked
from kvsctl.jobs.cron.time_limit import MORE_TIME, TimeLimit, Untouched
from kvsctl.jobs.ending import graver
from kvsctl.jobs.installations.cleaning import Cleaning
from kvsctl.jobs.installations.counting import Counted
from kvsctl.jobs.installations.ending import Ending
from kvsctl.jobs.installations.job import InstallationsJob
from kvsctl.jobs.installations.part import Around, PartEnd, around_parts, work_on
from kvsctl.jobs.installations.plans.applying import Applying
from kvsctl.jobs.installations.requirements import (
    part_of,
    require_names,
    require_possible,
    template_of,
)
from kvsctl.jobs.installations.runs import Runs
from kvsctl.jobs.installations.sharing import shared_carriers, shared_stdout
from kvsctl.jobs.installations.sources.reading import (
    before_reading,
    others_than_source,
    read_source,
)
from kvsctl.jobs.installations.sources.syncing import Syncing
from kvsctl.jobs.installations.stops import Stops
from kvsctl.jobs.installations.sums import Sum
from kvsctl.jobs.job import BatchJob
from kvsctl.jobs.progress.many import ManyProgress, was_stopped
from kvsctl.jobs.question import ANSWER_IN_TIME, ask
from kvsctl.jobs.replacing import require_replaceable
from kvsctl.jobs.runner import Interrupts
from kvsctl.report.console import Environment
from kvsctl.report.document import About, ReportFile
from kvsctl.texts import counted

if TYPE_CHECKING:
    from kvsctl.jobs.fan_out.installations.groups import Groups
    from kvsctl.jobs.installations.ledger import Ledger

_NOTHING_FOUND: Final["Mapping[str, tuple[Counted, int]]"] = {}

_Do: TypeAlias = Callable[[Target], Awaitable[PartEnd]]
"""Works on an installation."""


async def run_on_installations(
    job: InstallationsJob, environment: Environment, interrupts: Interrupts
) -> ExitStatus:
    """Carry out `job` on each of its installations. Report all, and return the exit status.

    Raise KvsctlError, before anything is sent to a store, if the installations cannot be listed or
    if the job cannot be carried out on any. An error in one stops no other, and is reported.
    """
    limit = TimeLimit(job.schedule, RUN_AGAIN)
    async with locked(job, limit.ends_at, environment):
        targets = await job.choice.targets()
        if not targets:
            raise UsageError("there are no installations", "Is the app installed anywhere?")
        targets = others_than_source(job, targets, environment)
        require_names(targets)
        template = template_of(job, targets)
        require_possible(template)
        require_replaceable(job.reporting, writes_failures=False, manifest_path=None)
        if template.checks.is_dry_run:
            require_rehearsable(template, environment)
        else:
            require_permitted(template, environment)
        targets = part_of(targets, job.shard)
        if not targets and not job.reporting.quiet:
            environment.note(f"no installation is in shard {job.shard}")
        return await _Work(job, template, targets, environment, interrupts, limit).carried_out()


def _name(target: Target) -> str:
    return str(target.installation)


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
        self._stops = Stops(job.canaries, job.most_failed, len(targets), self._note_canaries)
        self._started_at = datetime.now(UTC)
        self._is_out_of_time = False
        self._untouched: Untouched | None = None
        self._refusal: KvsctlError | None = None
        self._ended = 0
        self._progress = ManyProgress(
            environment,
            job.reporting,
            "installation",
            self._sum.tally,
            lambda: self._ended,
            prints_records=template.has_stdout,
        )
        self._at_once = 1
        self._ledger: Ledger | None = None
        self._groups: Groups | None = None
        self._done_before = 0
        """How many records earlier runs have changed."""
        self._left = targets
        """The installations that no earlier run has finished."""

    async def carried_out(self) -> ExitStatus:
        """Do everything. Return the exit status. Raise KvsctlError before anything is sent."""
        started = time.monotonic()
        with ExitStack() as closing:
            report = self._opened_report()
            if report is not None:
                closing.callback(report.close)
            self._open_ledger(closing)
            self._open_groups(closing)
            stdout = shared_stdout(self._template, self._environment)
            carriers = shared_carriers(min(self._job.at_once, len(self._targets)))
            self._at_once = carriers.clients
            around = around_parts(
                self._environment,
                self._progress.display,
                self._runs,
                carriers,
                self._limit.ends_at,
                None if stdout is None else stdout.sink,
            )
            with (
                self._interrupts.stopping(self._runs, self._progress.write_above, self._noun),
                self._limit.stopping(self),
            ):
                gc.freeze()  # collections then skip what stays
                try:
                    if await self._has_source(closing):
                        await self._all(around, closing)
                finally:
                    await carriers.aclose()
            broken = None if stdout is None else stdout.complete()
            ending = Ending(
                self._job,
                self._about(),
                self._environment,
                self._sum,
                report,
                prints_records=self._template.has_output,
            )
            error = graver(
                self._refusal or self._stops.error or self._ended_early(), self._settled()
            )
            elapsed_seconds = time.monotonic() - started - self._runs.asked_seconds
            return ending.publish(error, broken, self._interrupts.interrupted, elapsed_seconds)

    def run_out_of_time(self) -> None:
        """Begin no other installation, and ask nothing. Those at work end by themselves."""
        self._is_out_of_time = True
        self._runs.give_up_asking()

    def _open_groups(self, closing: ExitStack) -> None:
        """Find the workers, if the job has any. Raise KvsctlError if there are none."""
        if self._job.crewing is None:
            return
        from kvsctl.jobs.fan_out.installations.groups import Groups  # few jobs have workers

        self._groups = Groups(
            self._job.crewing,
            self._runs,
            self._environment,
            self._take,
            at_once=self._job.at_once,
            is_quiet=self._job.reporting.quiet,
        )
        closing.callback(self._groups.close)

    def _open_ledger(self, closing: ExitStack) -> None:
        """Open the ledger, if there is one, and take over what earlier runs have finished."""
        if self._job.ledger is None:
            return
        from kvsctl.jobs.installations.ledger import Ledger  # few jobs have one
        from kvsctl.jobs.installations.ledger_lines import ends_of

        self._ledger = ledger = closing.enter_context(
            Ledger(self._job.ledger, self._job, self._template)
        )
        left: list[Target] = []
        for target in self._targets:
            line = ledger.taken_over(target)
            if line is None:
                left.append(target)
            else:
                self._sum.add(*ends_of(line))
        count = len(self._targets) - len(left)
        if count and not self._job.reporting.quiet:
            finished = "1 installation was" if count == 1 else f"{count:,} installations were"
            self._environment.note(f"{finished} finished by an earlier run")
        self._stops.resume(ledger.canaries)
        self._left = left
        self._done_before = ledger.done_before

    def _settled(self) -> KvsctlError | None:
        """Complete the ledger if all installations have ended. Return the error if that fails."""
        if self._ledger is None:
            return None
        is_whole = not (self._is_stopping or self._refusal or self._sum.not_begun)
        if is_whole and not self._sum.has_work_left:
            return self._ledger.complete()
        return self._ledger.flushed()

    def _opened_report(self) -> ReportFile | None:
        path = self._job.reporting.report_path
        if path is None:
            return None
        require_writable(path)
        require_unused(resolved(path), "the report")
        return ReportFile(path)

    def _about(self) -> About:
        count = len(self._targets)
        return About(
            command=self._job.command,
            target=self._job.choice.display,
            version=__version__,
            started_at=self._started_at,
            covers=counted(count, "installation"),
            shard=None if self._job.shard is None else str(self._job.shard),
        )

    async def _has_source(self, closing: ExitStack) -> bool:
        """Read the source, if there is one. Return whether the installations can be begun."""
        copy = self._job.source
        if copy is None or not self._left:
            return True
        closing.callback(copy.close)
        self._untouched = before_reading(self._template, self._done_before)
        error = await read_source(self._job, copy, self._environment, self._runs, self._limit)
        if error is not None and not isinstance(error, WorkLeft):
            self._refusal = error
        if error is not None or self._is_stopping:
            return False
        self._untouched = None
        return True

    async def _all(self, around: Around, closing: ExitStack) -> None:
        template = self._template
        given = template, self._done_before
        cleaning = Cleaning.of(*given) or Applying.of(*given) or Syncing.of(*given)
        finished = len(self._targets) - len(self._left)
        if cleaning is None:
            with self._progress.working(self._job.command, len(self._left), finished):
                if self._groups is None:
                    do = partial(work_on, job=self._job, around=around)
                    await self._in_rounds(self._left, do)
                else:
                    await self._in_groups(self._groups, self._left, around.ends_at)
            return
        if isinstance(cleaning, Cleaning):
            closing.callback(cleaning.close)
        count = partial(cleaning.count, job=self._job, around=around)
        counted: list[PartEnd] = []
        self._untouched = Untouched(cleaning.first, cleaning.refusal, MORE_TIME)
        preparing = f"{self._job.command}: preparing"
        with self._progress.working(preparing, len(self._left), finished):
            await self._each(iter(self._left), count, counted.append)
        if self._is_stopping:
            return
        self._untouched = Untouched("the question was answered", cleaning.refusal, ANSWER_IN_TIME)
        if await self._may_change(cleaning):
            self._untouched = None
            for end in counted:
                self._note_in_ledger(end)
            targets = cleaning.to_change(self._left)
            with self._progress.working(self._job.command, len(targets), finished):
                if self._groups is None or not isinstance(cleaning, Cleaning):
                    change = partial(cleaning.change, job=self._job, around=around)
                    await self._in_rounds(targets, change)
                else:
                    lines = {end.line.installation: end.line for end in counted}
                    found = {
                        name: (cleaning.found_in(name), lines[name].count("units_read"))
                        for name in map(_name, targets)
                    }
                    await self._in_groups(self._groups, targets, around.ends_at, found)

    async def _may_change(self, cleaning: Cleaning | Applying | Syncing) -> bool:
        """Return whether the limits and the user allow it. An answer other than yes is an error."""
        try:
            cleaning.require_few()
            if cleaning.question is None:
                return True
            return await self._runs.answered(ask(cleaning.question, self._environment))
        except UsageError as error:
            self._refusal = error
            return False

    async def _in_rounds(self, targets: Sequence[Target], do: _Do) -> None:
        for some in self._stops.rounds(targets):
            await self._each(iter(some), do, self._note_in_ledger)

    async def _in_groups(
        self,
        groups: "Groups",
        targets: Sequence[Target],
        ends_at: float,
        found: "Mapping[str, tuple[Counted, int]]" = _NOTHING_FOUND,
    ) -> None:
        """Do the same by workers. `found`: what a clean-up found and read in each."""
        from kvsctl.jobs.fan_out.installations.member import Member

        for some in self._stops.rounds(targets):
            members = [Member(name, *found.get(name, ())) for name in map(_name, some)]
            await groups.work(members, lambda: not self._is_stopping, ends_at)

    async def _each(
        self, targets: Iterator[Target], do: _Do, note: Callable[[PartEnd], None]
    ) -> None:
        """Work on installations, many at a time, until there are no more or the job stops.

        `note` receives how each ended.
        """

        async def work() -> None:
            for target in targets:
                if self._is_stopping:
                    return
                end = await do(target)
                self._add(end)
                note(end)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._at_once):
                tasks.create_task(work())

    def _take(self, end: PartEnd) -> None:
        """Take how an installation of a worker ended."""
        self._add(end)
        self._note_in_ledger(end)

    def _note_in_ledger(self, end: PartEnd) -> None:
        if self._ledger is not None:
            self._ledger.note(end)
            if self._ledger.error is not None:
                self._runs.stop()

    def _note_canaries(self, names: Sequence[str]) -> None:
        if self._ledger is not None:
            self._ledger.note_canaries(names)

    def _add(self, end: PartEnd) -> None:
        self._sum.add(end.line, end.job_end)
        self._ended += not was_stopped(end.line.exit_code)
        self._stops.note(end.line)
        if end.line.exit_code == ExitStatus.PIPE_CLOSED:
            self._runs.stop()

    @property
    def _noun(self) -> str:
        """What is in flight, in the notice of a stop."""
        return "request" if self._groups is None else "group"

    @property
    def _is_stopping(self) -> bool:
        return self._runs.is_stopping or self._is_out_of_time or self._stops.error is not None

    def _ended_early(self) -> KvsctlError | None:
        untouched, interrupted = self._untouched, self._interrupts.interrupted
        if untouched is None:
            return self._work_left()
        return self._limit.ended_before(untouched, interrupted) or self._work_left()

    def _work_left(self) -> KvsctlError | None:
        if not self._is_out_of_time or not (self._sum.not_begun or self._sum.has_work_left):
            return None
        return self._limit.work_left()
