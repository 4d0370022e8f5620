"""--check-first: the whole input is checked before anything of it is sent."""

from collections.abc import Sequence

from kvsctl.bulk.checked import Change
from kvsctl.errors import ExitStatus, UsageError
from kvsctl.jobs.examine import Examination
from kvsctl.jobs.job import BatchJob
from kvsctl.journal.fingerprint import change, fingerprint
from kvsctl.records.sources import File, Source
from kvsctl.report.console import Environment
from kvsctl.report.document import About


def require_rereadable(sources: Sequence[Source]) -> None:
    """Raises UsageError for input that cannot be read twice."""
    for source in sources:
        if isinstance(source, File) and (source.path is None or source.size is None):
            name = "stdin" if source.path is None else source.label
            raise UsageError(
                f"--check-first reads the input twice, which {name} cannot be",
                "Put it into a regular file and name that by -f.",
            )


def check_first(job: BatchJob, about: About, environment: Environment) -> Change | ExitStatus:
    """Checks the whole input. What is wrong is told, and the exit code given.

    If nothing is, gives a function that says what has changed in the input since, None if
    nothing has.
    """
    sources = job.reader.sources
    then = fingerprint(sources)
    examination = Examination(job, about, environment)
    examination.carry_out()
    if examination.found_nothing:
        return lambda: change(then, fingerprint(sources))
    path = job.reporting.failures_path
    if path is None or job.journal is not None:  # a journal has marks in the file
        return examination.tell(None)
    if examination.tally.failed:
        examination.keep_failures(path)
    return examination.tell(path)
