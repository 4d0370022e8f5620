"""--dry-run: everything but sending."""

from kvsctl.bulk.billing import cost_usd
from kvsctl.bulk.forecast import Forecaster
from kvsctl.errors import ExitStatus
from kvsctl.jobs.examine import Examination
from kvsctl.jobs.job import BatchJob
from kvsctl.outputs.failures import FailuresFile
from kvsctl.report.console import Environment
from kvsctl.report.document import About
from kvsctl.report.dry_run import Rehearsed


def rehearse(job: BatchJob, about: About, environment: Environment) -> ExitStatus:
    """Reads, checks and packs the input, and reports what the run would need.

    Opens no target and no journal. Only the report and the failures file are written, and the
    latter not beside a journal, which has marks in it. Raises UsageError.
    """
    path = job.reporting.failures_path if job.journal is None else None
    failures = None if path is None else FailuresFile(path, job.plan.verb)
    forecaster = Forecaster(job.plan)
    examination = Examination(job, about, environment)
    examination.carry_out(forecaster.admit, failures)
    forecast = forecaster.finish()
    rehearsed = Rehearsed(forecast, cost_usd(job.plan.verb, forecast))
    return examination.tell(path, rehearsed)
