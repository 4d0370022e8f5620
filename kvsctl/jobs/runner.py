"""Carry out a job: connect, listen, run, report, and return the exit status.

The event loop, the garbage collector's settings and the signal handlers belong to the process, so
the caller of `run_job` sets them up (for the command line: `cli/carry_out.py`).
"""

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from msgspec.structs import replace

from kvsctl import __version__
from kvsctl.bulk.events import Emitter, Listener
from kvsctl.bulk.feeds import AsyncFeed, Change, CheckedFeed, Feed
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.pacing.app_invocations import pacer_of
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.run import Run
from kvsctl.bulk.settling.precondition import WriteIf
from kvsctl.errors import ExitStatus, KvsctlError
from kvsctl.jobs.access import require_permitted, require_rehearsable
from kvsctl.jobs.connect import Carriers, connected, credentials_of
from kvsctl.jobs.cron.lock import locked
from kvsctl.jobs.cron.time_limit import Timed, TimeLimit, Untouched, starting_over
from kvsctl.jobs.ending import report_complete
from kvsctl.jobs.inputs import Session, say_stdin_is_read
from kvsctl.jobs.job import BatchJob
from kvsctl.jobs.journal import begun, is_begun, opened_journal
from kvsctl.jobs.listeners import JobListeners
from kvsctl.jobs.question import ask
from kvsctl.jobs.replacing import require_replaceable
from kvsctl.jobs.signals import Steered, Stoppable
from kvsctl.journal.state import Stage
from kvsctl.model import GET, Verb
from kvsctl.report.console import Environment
from kvsctl.report.document import About
from kvsctl.service.auth.credentials import Credentials
from kvsctl.service.client import StoreClient
from kvsctl.texts import counted

if TYPE_CHECKING:
    from kvsctl.comparison.memory import SortingMemory
    from kvsctl.jobs.cleanup.plan import CleanUpPlan
    from kvsctl.jobs.cleanup.plans.approval import PlanApproval
    from kvsctl.jobs.cleanup.survey import Survey
    from kvsctl.jobs.store.deletions import Deletions


class Interrupts(Protocol):
    """What may interrupt a job: see `jobs.signals.Signals`."""

    interrupted: ExitStatus | None

    @contextmanager
    def stopping(
        self, run: Stoppable, note: Callable[[str], None], noun: str = "request"
    ) -> Iterator[None]:
        """Stop `run` when an interrupt arrives inside the block, and report it through `note`.

        `noun`: what is in flight.
        """
        ...


class SteeredRun(Steered, Stoppable, Timed, Protocol):
    """A run that signals, outputs and a time limit can stop."""


class Prepared(NamedTuple):
    """A run, the function that carries it out, and what it must do before it changes anything.

    The latter is None once it may have changed something.
    """

    run: SteeredRun
    work: Callable[[], Awaitable[KvsctlError | None]]
    untouched: Callable[[], Untouched | None] = lambda: None


class NoInterrupts:
    """Nothing interrupts the job, for callers that stop it themselves or never."""

    interrupted: ExitStatus | None = None

    @contextmanager
    def stopping(
        self, run: Stoppable, note: Callable[[str], None], noun: str = "request"
    ) -> Iterator[None]:
        """Do nothing."""
        del run, note, noun
        yield


class Among(NamedTuple):
    """What a job shares with jobs that run at the same time.

    `carriers`: their connections; None: it has its own. `memory`: the memory of their spools, one
    budget for all; None: it has its own. `listeners` receive the events of all.
    """

    carriers: Carriers | None = None
    memory: "SortingMemory | None" = None
    listeners: Sequence[Listener] = ()


ALONE: Final = Among()


async def run_job(
    job: BatchJob,
    environment: Environment,
    interrupts: Interrupts | None = None,
    *,
    pacer: Pacer | None = None,
    among: Among = ALONE,
) -> ExitStatus:
    """Carry out `job`, report what happened, and return its exit status.

    It can be called any number of times in one event loop, one call after the other or at the same
    time. Jobs on one installation share its quota if they have the same `pacer`. `among`: what it
    shares with jobs on other installations. Raise UsageError, before anything is sent, if the
    target must not be written to, if the user does not consent, or if the target or a file cannot
    be opened, and WorkLeft if another run holds the job's lock. Later errors are reported, and
    decide the exit status.
    """
    interrupts = interrupts or NoInterrupts()
    if job.checks.is_dry_run:
        from kvsctl.jobs.examine import carry_out_dry_run

        require_rehearsable(job, environment)
        _require_replaceable(job)
        say_stdin_is_read(job.input, environment, is_quiet=job.reporting.quiet)
        return await carry_out_dry_run(job, _about(job), environment)
    require_permitted(job, environment)
    if job.question is not None:
        await ask(job.question, environment)
    limit = TimeLimit.of(job)
    if (warning := starting_over(job)) is not None and not job.reporting.quiet:
        environment.warn(warning)
    async with locked(job, limit.ends_at, environment):
        say_stdin_is_read(job.input, environment, is_quiet=job.reporting.quiet)
        return await _carry_out(job, environment, interrupts, limit, pacer, among)


def _require_replaceable(job: BatchJob) -> None:
    leaves_failures = is_begun(job.journal) or (job.checks.is_dry_run and job.journal is not None)
    manifest_path = None if job.records is None else job.records.manifest_path
    require_replaceable(
        job.reporting, writes_failures=not leaves_failures, manifest_path=manifest_path
    )


async def _carry_out(
    job: BatchJob,
    environment: Environment,
    interrupts: Interrupts,
    limit: TimeLimit,
    pacer: Pacer | None,
    among: Among,
) -> ExitStatus:
    """Do what `run_job` does, with the job's lock held."""
    _require_replaceable(job)
    credentials = credentials_of(job.target, allow_http=job.allow_http)
    about = _about(job, credentials.source_name)
    change: Change | None = None
    approval = _approval_of(job)
    if job.checks.checks_first:
        from kvsctl.jobs.examine import check_first

        admits = [] if approval is None else [approval.admit]
        checked = await check_first(job, about, environment, *admits)
        if isinstance(checked, ExitStatus):
            return checked
        change = checked
    started = time.monotonic()
    with opened_journal(job, about, environment.note) as journal:
        if journal is not None:
            about = begun(about, journal)
            if journal.state.stage is Stage.COMPLETE:
                return report_complete(job, about, environment, journal)
        listeners = JobListeners(job, about, environment, journal)
        listeners.require_usable()
        verbs: list[Verb] = []
        if approval is not None:
            with listeners.asking():
                await approval.require(environment, listeners.tally.succeeded)
            verbs = approval.verbs
        error = await _send(
            job, verbs, credentials, listeners, change, interrupts, limit, environment, pacer, among
        )
        if error is None and listeners.has_work_left:
            error = limit.work_left()
        is_whole = error is None and interrupts.interrupted is None
        is_empty = is_whole and not listeners.tally.records
        if is_empty and journal is not None and journal.records_before:
            # Before the report: as JSON on stderr, that is the last line.
            _warn_of_nothing(job, environment, journal.records_before)
        elapsed_seconds = time.monotonic() - started
        return listeners.finish(error, interrupts.interrupted, elapsed_seconds)


def _warn_of_nothing(job: BatchJob, environment: Environment, records_before: int) -> None:
    if not job.reporting.quiet:
        records = counted(records_before, "record")
        environment.warn(f"nothing was selected, but the previous run had {records}")


def _about(job: BatchJob, token_source: str | None = None) -> About:
    return About(
        command=job.command,
        target=job.target.display,
        version=__version__,
        started_at=datetime.now(UTC),
        local_path=str(job.target.local_path) if job.target.local_path else None,
        token_source=token_source,
        covers=job.covers,
        shard=None if job.shard is None else str(job.shard),
    )


def _approval_of(job: BatchJob) -> "PlanApproval | None":
    if job.plan_guard is None:
        return None
    from kvsctl.jobs.cleanup.plans.approval import PlanApproval  # few jobs carry out a plan

    return PlanApproval(job, job.plan_guard, has_consent=job.has_consent)


async def _send(
    job: BatchJob,
    verbs: list[Verb],
    credentials: Credentials,
    listeners: JobListeners,
    change: Change | None,
    interrupts: Interrupts,
    limit: TimeLimit,
    environment: Environment,
    pacer: Pacer | None,
    among: Among,
) -> KvsctlError | None:
    """Send the job's records. Return the error that ended the run early, if any.

    `verbs`: the operations that a plan needs; none for other jobs.
    """
    target = connected(
        job.target,
        credentials,
        timeout_seconds=job.timeout_seconds,
        asked=job.asked,
        wants_headers=job.reporting.verbosity > 1,
        creates=job.plan.precondition.write_if is WriteIf.ABSENT_EXACT,
        may_write=job.plan.verb is not GET,
        carriers=among.carriers,
    )
    listeners.listeners += among.listeners
    # The target is opened first: if that fails, every file is left as it was.
    async with target as service:
        pacer = pacer or pacer_of(job.plan.pace)
        prepared = _prepared(job, verbs, service, listeners, environment, pacer, change, among)
        run = prepared.run
        # Opening a pipe waits for its reader. Until then, a signal has its default action, which
        # ends the process: progress would stay on the terminal, so it begins later.
        with (
            listeners,
            job.deletions or nullcontext(),
            interrupts.stopping(run, listeners.notice),
            limit.stopping(run),
            # A clean-up shows its own progress: nothing may be drawn while it asks.
            nullcontext() if job.cleanup is not None else listeners.showing_progress(),
        ):
            listeners.attach(run)
            error = await prepared.work()
            if error is None and (untouched := prepared.untouched()) is not None:
                error = limit.ended_before(untouched, interrupts.interrupted)
            is_whole = error is None and interrupts.interrupted is None
            if job.deletions is not None and is_whole and not run.is_cut_short:
                error = await _plan_deletions(job, job.deletions, listeners, interrupts, limit)
            return error


async def _plan_deletions(
    job: BatchJob,
    deletions: "Deletions",
    listeners: JobListeners,
    interrupts: Interrupts,
    limit: TimeLimit,
) -> KvsctlError | None:
    """Plan what to delete, now that everything else is done. Return the error that ended this."""
    from kvsctl.jobs.store.deletions import Planning  # few commands need it

    errors: list[KvsctlError] = []
    emitter = Emitter(listeners.listeners, stop=errors.append)
    announce = listeners.notice if not job.reporting.quiet else _say_nothing
    planning = Planning(emitter.emit, interrupts, limit, listeners.notice, announce)
    return await deletions.plan(planning) or next(iter(errors), None)


def _say_nothing(_text: str) -> None:
    """Show nothing, for quiet jobs."""


def _prepared_cleanup(
    job: BatchJob,
    cleanup: "CleanUpPlan",
    service: StoreClient,
    listeners: JobListeners,
    environment: Environment,
    pacer: Pacer,
    among: Among,
) -> "Survey":
    """Return the run of a clean-up: it is carried out, rehearsed, or only counted."""
    from kvsctl.jobs.cleanup.spool import spool_memory  # few commands need it

    memory = among.memory or spool_memory()
    if job.counted is not None:
        from kvsctl.jobs.installations.counting import CountingRun  # few jobs only count

        return CountingRun(job, cleanup, service, listeners, pacer, memory, job.counted)
    if job.records is not None:
        from kvsctl.jobs.cleanup.ruled_rehearsal import RulesRehearsal  # few commands need it

        return RulesRehearsal(job, cleanup, service, listeners, pacer, memory)
    from kvsctl.jobs.cleanup.run import CleanUpRun  # few commands need it

    return CleanUpRun(job, cleanup, service, listeners, environment, pacer, memory)


def _prepared(
    job: BatchJob,
    verbs: list[Verb],
    service: StoreClient,
    listeners: JobListeners,
    environment: Environment,
    pacer: Pacer,
    change: Change | None,
    among: Among,
) -> Prepared:
    """Return the run of a job."""
    if job.listing is not None:
        from kvsctl.listing.run import ListingRun  # few commands need it

        listing = ListingRun(
            job.listing,
            job.plan,
            service,
            listeners.listeners,
            pacer=pacer,
            pressure=listeners.pressure,
            notice=listeners.notice,
            remainder=listeners.remainder,
        )
        return Prepared(listing, listing.work)
    if job.cleanup is not None:
        cleanup = _prepared_cleanup(job, job.cleanup, service, listeners, environment, pacer, among)
        return Prepared(cleanup, cleanup.work, lambda: cleanup.untouched)
    if job.plan_guard is not None:
        from kvsctl.jobs.cleanup.plans.applying import PlanRun  # few commands need it

        def guarded(feed: Feed) -> Feed:
            return feed if change is None else CheckedFeed(feed, change)

        applying = PlanRun(job, verbs, service, listeners, pacer, guarded)
        return Prepared(applying, applying.work)
    plan = job.plan
    if listeners.undo is not None:
        plan = replace(plan, precondition=replace(plan.precondition, keeper=listeners.undo))
    run = Run(plan, service, listeners.listeners, pressure=listeners.pressure, pacer=pacer)

    async def work() -> KvsctlError | None:
        remainder = listeners.remainder
        feed = job.input.feed(Session(service, pacer, run.emit, listeners.notice, remainder))
        checked = feed if change is None else CheckedFeed(feed, change)
        try:
            return await run.work(listeners.feed(checked))
        finally:
            if isinstance(feed, AsyncFeed):
                feed.close()
                await feed.wait_closed()

    return Prepared(run, work, lambda: _untouched_copy(job, run, listeners.tally))


def _untouched_copy(job: BatchJob, run: Run, tally: Tally) -> Untouched | None:
    """Return what a sync must do before it writes anything; None once it may have written.

    With a journal, the job resumes. Without one, the next run would get no further than this one.
    """
    may_have_written = tally.succeeded or tally.failed or tally.unknown or tally.ambiguous
    starts_over = job.input.is_listing and job.journal is None
    if may_have_written or not (starts_over and run.is_cut_short):
        return None
    return Untouched(
        "the source was listed",
        "nothing was written",
        "The same command starts over: give it more time, or use --journal FILE to resume.",
    )
