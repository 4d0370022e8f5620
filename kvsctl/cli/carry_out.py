"""A batch job carried out: connection, listeners, signals, report, exit code."""

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import Final, NoReturn

from kvsctl import __version__
from kvsctl.bulk.checked import Change, CheckedFeed
from kvsctl.bulk.feed import ThreadFeed
from kvsctl.bulk.journal import Stage
from kvsctl.bulk.run import Run
from kvsctl.cli.checkfirst import check_first
from kvsctl.cli.connect import connected, credentials_of
from kvsctl.cli.job import BatchJob
from kvsctl.cli.journalled import begun, opened_journal, tell_complete
from kvsctl.cli.listening import Listening
from kvsctl.cli.rehearse import rehearse
from kvsctl.errors import ExitStatus, KvsctlError
from kvsctl.report.console import Environment
from kvsctl.report.document import About
from kvsctl.service.auth import Credentials
from kvsctl.service.client import Service
from kvsctl.service.loops import quick_loop

_SIGNALS: Final = {
    signal.SIGINT: ExitStatus.INTERRUPTED,
    signal.SIGTERM: ExitStatus.TERMINATED,
}


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
        import gc

        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        loop_factory = quick_loop() if job.target.url is not None else None
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            error, interrupted = runner.run(_run(job, credentials, listening, checked))
        sys.exit(listening.finish(error, interrupted, time.monotonic() - started))


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
    job: BatchJob, credentials: Credentials, listening: Listening, checked: Change | None
) -> tuple[KvsctlError | None, ExitStatus | None]:
    """Returns what ended the run early, and the code of the signal that did, if one did."""
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
            return await _work(job, service, listening, checked)


async def _work(
    job: BatchJob, service: Service, listening: Listening, checked: Change | None
) -> tuple[KvsctlError | None, ExitStatus | None]:
    run = Run(job.plan, service, listening.listeners, pressure=listening.pressure)
    listening.attach(run)
    with _stopped_by_signals(run) as interrupted:
        feed = ThreadFeed(job.reader)
        read = feed if checked is None else CheckedFeed(feed, checked)
        error = await run.work(listening.feed(read))
    return error, interrupted()


@contextmanager
def _stopped_by_signals(run: Run) -> Iterator[Callable[[], ExitStatus | None]]:
    """The first Ctrl-C or SIGTERM stops the run, the second aborts it.

    Gives a function that tells the exit code of the first signal that came.
    """
    received: list[ExitStatus] = []

    def receive(status: ExitStatus) -> None:
        received.append(status)
        if len(received) == 1:
            run.stop()
        else:
            run.abort()

    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, status in _SIGNALS.items():
        # Not loop.add_signal_handler, which Windows lacks.
        signal.signal(
            number,
            _threadsafe(loop, receive, status),
        )
    try:
        yield lambda: received[0] if received else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _threadsafe(
    loop: asyncio.AbstractEventLoop, receive: Callable[[ExitStatus], None], status: ExitStatus
) -> Callable[[int, FrameType | None], None]:
    def handler(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(receive, status)

    return handler
