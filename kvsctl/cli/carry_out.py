"""The edge between a job and the process: event loop, signals, monitoring and exit code."""

import os
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.checking import CheckingOptions, DryRunOption
from kvsctl.cli.options.comparing import VerifyOptions
from kvsctl.cli.options.cron import MonitoringOptions
from kvsctl.cli.options.input import WorkersOption
from kvsctl.cli.options.installations.choosing import (
    AllInstallationsOption,
    InstallationsFileOption,
)
from kvsctl.cli.options.installations.working import InstallationsOptions
from kvsctl.cli.options.report import ReportOptions
from kvsctl.cli.options.target import TargetOptions
from kvsctl.errors import ExitStatus, UsageError
from kvsctl.jobs.event_loop import on_a_loop
from kvsctl.jobs.job import BatchJob, Job
from kvsctl.jobs.signals import Signals
from kvsctl.report.console import Environment
from kvsctl.unexpected import explained

if TYPE_CHECKING:
    from kvsctl.jobs.cron.watch import Watch
    from kvsctl.jobs.installations.job import InstallationsJob
    from kvsctl.jobs.store.copy import SourceCopy

_PING_URL = "KVSCTL_PING_URL"
"""The variable for a URL that must not appear in lists of processes."""
_DEBUG = "KVSCTL_DEBUG"
"""See `kvsctl.entry`."""
_PLACE = "{installation}"
_J = TypeVar("_J", bound=Job)
_Work: TypeAlias = Callable[[_J, Environment, Signals], Coroutine[Any, Any, ExitStatus]]


def carry_out(
    command: str,
    given: Given,
    job_of: Callable[[Given], _J],
    work: _Work[_J],
    *,
    is_on_each: bool = False,
) -> NoReturn:
    """Carry out a command's job on an event loop of its own, and exit with its status.

    `job_of` makes the job from the options, and `work` carries it out. Signals stop it. Pings and
    the metrics file report every end, even an error before there was a job. Raise UsageError,
    before anything is sent, for options that contradict each other and for a file or a target that
    cannot be opened. `is_on_each`: the job works on several installations. It takes care of
    `--workers` and of the names of their files itself.
    """
    environment = Environment.of_process()
    if given.of(MonitoringOptions).log_format == "json":
        environment = environment.logging(command)
    watch: Watch | None = None
    try:
        try:
            if not is_on_each:
                given = _on_one_installation(given)
        finally:  # an error in the options is reported as well
            watch = _watch(command, given, environment)
        if is_on_each or given.of(WorkersOption) == WorkersOption():
            status = _status(job_of, work, given, environment, watch)
        else:
            from kvsctl.cli.fan_out.splitting import fan_out_job
            from kvsctl.jobs.fan_out.work import run_fan_out

            in_parts = partial(fan_out_job, command, job_of, work)
            status = _status(in_parts, run_fan_out, given, environment, watch)
    except Exception as error:
        end = explained(error)
        if watch is not None:
            watch.finish(end.status, end.message)
        if environment.log is None or _DEBUG in os.environ:
            raise
        for one in (end, *end.others):
            environment.fail(one.message, one.hint, one.status)
        if given.of(ReportOptions).json:
            from kvsctl.cli.errors.for_programs import print_error

            print_error(end, command)
        sys.exit(end.status)
    if watch is not None:
        watch.finish(status)
    sys.exit(status)


def carry_out_job(command: str, given: Given, job_of: Callable[[Given], BatchJob]) -> NoReturn:
    """Carry out a command's batch job; on each of several installations if the options name them.

    Raise UsageError as `carry_out` does.
    """
    from kvsctl.jobs.runner import run_job  # not all jobs are batch jobs

    if names_several(given):
        carry_out_on_each(command, given, job_of)
    in_parts = given.of(WorkersOption) != WorkersOption()
    carry_out(command, given, job_of if in_parts else retried(command, job_of), run_job)


def carry_out_on_each(
    command: str,
    given: Given,
    job_of: Callable[[Given], BatchJob],
    source_of: "Callable[[Given], SourceCopy | None] | None" = None,
    *,
    as_given: Callable[[Given], Given] = lambda given: given,
) -> NoReturn:
    """Carry out a command's job on each of several installations: see `carry_out`.

    `source_of`: see `installations_job`. `as_given` turns the options into those of such a job.
    """
    from kvsctl.cli.installations.request import installations_job
    from kvsctl.jobs.installations.work import run_on_installations

    def job_on_each(given: Given) -> "InstallationsJob":
        return installations_job(command, as_given(given), job_of, source_of=source_of)

    carry_out(command, given, job_on_each, run_on_installations, is_on_each=True)


def _on_one_installation(given: Given) -> Given:
    """Return the options of a command that works on one store.

    `{installation}` in names of files becomes the id of the installation, if it is known. Raise
    UsageError for options that mean nothing for one installation.
    """
    for flag, is_given in given.of(InstallationsOptions).given_flags:
        if is_given:
            raise UsageError(
                f"{flag} is for several installations",
                "Name them with --installation, --all-installations or --installations-file.",
            )
    if not any(_PLACE in str(value) for group in given.groups for value in vars(group).values()):
        return given
    from kvsctl.cli.installations.own_names import with_own_names  # few commands have such names

    return with_own_names(given)


def retried(command: str, job_of: Callable[[Given], BatchJob]) -> Callable[[Given], BatchJob]:
    """Return a function that makes the same job, whose report says how to retry its failures."""

    def with_retry(given: Given) -> BatchJob:
        from kvsctl.cli.records.retrying import retry_words

        job = job_of(given)
        return job.retried_by(retry_words(command, given, job))

    return with_retry


def names_several(given: Given) -> bool:
    """Return whether the options may name more than one installation."""
    return (
        given.of(AllInstallationsOption).all_installations
        or given.of(InstallationsFileOption).installations_file is not None
        or len(given.of(TargetOptions).installation or ()) > 1
        or len(given.of(VerifyOptions).installation or ()) > 1
    )


def _status(
    job_of: Callable[[Given], _J],
    work: _Work[_J],
    given: Given,
    environment: Environment,
    watch: "Watch | None",
) -> ExitStatus:
    if watch is not None:
        watch.start()
    job = job_of(given)
    if watch is not None:
        watch.take_job(job)
        job = job.watched_by(watch)
    with Signals() as signals:
        return on_a_loop(work(job, environment, signals), has_network=job.has_network)


def _watch(command: str, given: Given, environment: Environment) -> "Watch | None":
    """Return what sends pings and writes the metrics file; None without both, or for a dry run."""
    options = given.of(MonitoringOptions)
    url = options.ping_url or os.environ.get(_PING_URL) or None
    is_dry_run = given.of(CheckingOptions).dry_run or given.of(DryRunOption).dry_run
    if is_dry_run or (url is None and options.metrics_file is None):
        return None
    if options.metrics_file is not None and str(options.metrics_file) == "-":
        # Refused here, because every error is written to this file, even one in the options.
        raise UsageError("--metrics-file -: not a file name", "Give it the name of a file.")
    from kvsctl.jobs.cron.watch import Monitoring, Watch

    ping_url = None
    if url is not None:
        from kvsctl.service.monitoring import PingUrl

        ping_url = PingUrl.of(
            url,
            allow_http=given.of(TargetOptions).allow_http,
            place="--ping-url" if options.ping_url else _PING_URL,
        )
    is_quiet = given.of(ReportOptions).quiet

    def warn(text: str) -> None:
        if not is_quiet:
            environment.warn(text)

    return Watch(command, Monitoring(ping_url, options.metrics_file), warn)
