"""A batch job carried out: connection, listeners, signals, report, exit code."""

import sys
import time
from datetime import UTC, datetime
from typing import NoReturn

from kvsctl import __version__
from kvsctl.bulk.feeds import Change, CheckedFeed, feed_of
from kvsctl.bulk.run import Run
from kvsctl.errors import ExitStatus, KvsctlError
from kvsctl.jobs.connect import connected, credentials_of
from kvsctl.jobs.event_loop import on_a_loop
from kvsctl.jobs.examine import check_first, rehearse
from kvsctl.jobs.job import BatchJob
from kvsctl.jobs.journal import begun, opened_journal, tell_complete
from kvsctl.jobs.listeners import Listening
from kvsctl.jobs.signals import Signals
from kvsctl.journal.state import Stage
from kvsctl.report.console import Environment
from kvsctl.report.document import About
from kvsctl.service.auth.credentials import Credentials


def carry_out(job: BatchJob) -> NoReturn:
    """Runs the job, tells what came of it, and exits with its code.

    Raises UsageError, also where a file or the target cannot be opened, before anything is sent.
    """
    environment = Environment.of_process()
    if job.intake.is_rehearsal:
        sys.exit(rehearse(job, _about(job), environment))
    credentials = credentials_of(job.target, allow_http=job.allow_http)
    about = _about(job, credentials.source_name)
    checked = check_first(job, about, environment) if job.intake.checks_first else None
    if isinstance(checked, ExitStatus):
        sys.exit(checked)
    started = time.monotonic()
    with opened_journal(job, about, lambda text: environment.tell(f"kvsctl: {text}")) as journal:
        if journal is not None:
            about = begun(about, journal)
            if journal.state.stage is Stage.COMPLETE:
                tell_complete(job, about, environment, journal)
                sys.exit(ExitStatus.OK)
        listening = Listening(job, about, environment, journal)
        listening.require_usable()
        with Signals() as signals:
            work = _run(job, credentials, listening, checked, signals)
            error = on_a_loop(work, has_network=job.target.url is not None)
            elapsed_seconds = time.monotonic() - started
            sys.exit(listening.finish(error, signals.interrupted, elapsed_seconds))


def _about(job: BatchJob, token_source: str | None = None) -> About:
    return About(
        command=job.plan.verb.value,
        target=job.target.display,
        version=__version__,
        started_at=datetime.now(UTC),
        local_path=str(job.target.local_path) if job.target.local_path else None,
        token_source=token_source,
    )


async def _run(
    job: BatchJob,
    credentials: Credentials,
    listening: Listening,
    checked: Change | None,
    signals: Signals,
) -> KvsctlError | None:
    """Returns what ended the run early, if anything but a signal did."""
    target = connected(
        job.target,
        credentials,
        timeout_seconds=job.timeout_seconds,
        asked=job.asked,
        wants_headers=job.reporting.verbosity > 1,
    )
    # The target first: one that cannot be used leaves every file as it was.
    async with target as service:
        with listening:
            run = Run(job.plan, service, listening.listeners, pressure=listening.pressure)
            listening.attach(run)
            with signals.stopping(run):
                feed = feed_of(job.reader, may_wait=job.reader.may_wait)
                read = feed if checked is None else CheckedFeed(feed, checked)
                return await run.work(listening.feed(read))
