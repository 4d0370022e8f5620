"""Whether a job may write to its target: read-only and protected targets."""

from kvsctl.config.targets import Target
from kvsctl.errors import Interrupted, UsageError
from kvsctl.files.claims import require_writable
from kvsctl.files.descriptors import descriptor
from kvsctl.jobs.job import BatchJob
from kvsctl.jobs.question import read_line, require_answerable
from kvsctl.jobs.signals import interrupting
from kvsctl.model import GET, Verb
from kvsctl.report.console import Environment
from kvsctl.report.escape import visible
from kvsctl.report.styled import wrapped


def require_permitted(job: BatchJob, environment: Environment) -> None:
    """Raise UsageError if the job writes to its target and must not.

    It must not write without consent either, if there is no terminal to ask on. On a terminal, the
    user is asked for the name of a protected target. A rehearsal writes nothing, but `--confirm`
    must name its target, if given.
    """
    target, confirmed = job.target, job.confirmed_target
    require_meant(target, confirmed)
    if job.plan.verb is GET:
        if job.rehearses_cleanup:
            warn_of_read_only(target, environment, is_quiet=job.reporting.quiet)
            _warn_of_protected(job, environment)
        return
    require_confirmable(target, confirmed)
    if job.has_consent is not None:
        done = "deleted" if job.plan.verb is Verb.DELETE else "changed"
        require_answerable(environment, has_consent=job.has_consent, refusal=f"nothing was {done}")
    if job.question is not None:
        require_answerable(environment, has_consent=False, refusal=job.question.refusal)
    require_confirmed(job.command, target, confirmed, environment)


def require_rehearsable(job: BatchJob, environment: Environment) -> None:
    """Raise UsageError, in a dry run, for a wrong `--confirm` or a file that could not be written.

    A dry run on a target that is read-only, protected or at an unsafe URL is allowed, with a
    warning that a run would be refused.
    """
    require_meant(job.target, job.confirmed_target)
    journal, records = job.journal, job.records
    for path in (
        None if journal is None else journal.path,
        job.schedule.lock_path,
        None if records is None else records.path,
    ):
        if path is not None and descriptor(path) is None:
            require_writable(path)
    if job.plan.verb is not GET:
        warn_of_read_only(job.target, environment, is_quiet=job.reporting.quiet)
        _warn_of_protected(job, environment)
    _warn_of_unsafe_url(job, environment)


def _warn_of_protected(job: BatchJob, environment: Environment) -> None:
    """Warn, in a dry run, that the run would be refused unless the target is named."""
    target = job.target
    is_refused = target.is_protected and job.confirmed_target is None
    if is_refused and not (target.is_read_only or job.reporting.quiet):
        name = visible(target.name)
        environment.warn(
            f"target {name} is protected: without --confirm {name}, the run will ask for its name, "
            "or be refused if this is not a terminal"
        )


def _warn_of_unsafe_url(job: BatchJob, environment: Environment) -> None:
    """Warn, in a dry run, that the run would be refused because of the target's URL."""
    if job.target.url is None or job.reporting.quiet:
        return
    from kvsctl.service.transport.urls import require_safe

    try:
        require_safe(job.target.url, allow_http=job.allow_http, place=job.target.url_place)
    except UsageError as error:
        environment.warn(f"{error.message}: the run will be refused")


def warn_of_read_only(target: Target, environment: Environment, *, is_quiet: bool) -> None:
    """Warn, in a dry run, that the run would be refused because the target is read-only."""
    if target.is_read_only and not is_quiet:
        environment.warn(f"target {visible(target.name)} is read-only: the run will be refused")


def require_confirmable(target: Target, confirmed: str | None) -> None:
    """Raise UsageError for a read-only target, and if `--confirm` names another target."""
    if target.is_read_only:
        raise read_only(target)
    require_meant(target, confirmed)


def require_meant(target: Target, confirmed: str | None) -> None:
    """Raise UsageError if `--confirm` names another target. A dry run calls it as well."""
    if confirmed is not None and confirmed != target.name:
        raise UsageError(
            f"--confirm {confirmed}: the target is {target.name}; nothing was sent",
            "Give the name of the target that you mean to write to.",
        )


def require_confirmed(
    command: str, target: Target, confirmed: str | None, environment: Environment
) -> None:
    """Ask for the name of a protected target. Raise UsageError if it is not given."""
    if not target.is_protected or confirmed is not None:
        return
    if not (environment.stdin_is_terminal and environment.stderr_is_terminal):
        raise UsageError(
            f"target {target.name} is protected: nothing was sent",
            f"Add --confirm {target.name} to write to it.",
        )
    if _typed_name(command, target, environment) != target.name:
        raise UsageError(f"that is not the name of target {target.name}: nothing was sent")


def read_only(target: Target) -> UsageError:
    """Return the error of a write to a target that is read-only."""
    return UsageError(
        f"target {target.name} is read-only: nothing was sent",
        "Remove read_only from its section in the configuration file, or unset "
        "KVSCTL_READ_ONLY, if it may be written to.",
    )


def _typed_name(command: str, target: Target, environment: Environment) -> str:
    """Ask for the target's name. Return what is typed; an empty text at the end of the input.

    Raise Interrupted if a signal arrives.
    """
    try:
        with interrupting("nothing was sent"):
            text = (
                f"{visible(command)} writes to {visible(target.display)}, which is protected.\n"
                "Type the name of the target to continue: "
            )
            environment.write_stderr(wrapped(text, environment.terminal_size()[0]))
            return read_line(environment)
    except Interrupted:
        environment.write_stderr("\n")
        raise
