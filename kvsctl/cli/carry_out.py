"""The edge between a job and the process: event loop, signals and exit code."""

import sys
from typing import NoReturn

from kvsctl.jobs.event_loop import on_a_loop
from kvsctl.jobs.job import BatchJob
from kvsctl.jobs.runner import run_job
from kvsctl.jobs.signals import Signals
from kvsctl.report.console import Environment


def carry_out(job: BatchJob) -> NoReturn:
    """Carry out `job` on an event loop of its own, stop it on signals, and exit with its status.

    Raise UsageError, before anything is sent, if a file or the target cannot be opened.
    """
    environment = Environment.of_process()
    has_network = job.target.url is not None and not job.checks.is_dry_run
    with Signals() as signals:
        sys.exit(on_a_loop(run_job(job, environment, signals), has_network=has_network))
