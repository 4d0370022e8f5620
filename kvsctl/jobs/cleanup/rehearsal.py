"""What a clean-up would need and cost, from a listing or a plan, without changes."""

import msgspec
from msgspec.structs import replace

from kvsctl.bulk.events import Event, Settled
from kvsctl.bulk.forecast import Forecaster, cost_usd
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.settling.precondition import Rewrite
from kvsctl.errors import UsageError
from kvsctl.jobs.cleanup.actions import body_with_ttl
from kvsctl.jobs.cleanup.guards import MostDeleted
from kvsctl.jobs.cleanup.plans.approval import PlanApproval
from kvsctl.jobs.cleanup.plans.records import PlannedRecord
from kvsctl.jobs.job import BatchJob
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import PieceList, Record, Verb
from kvsctl.report.dry_run import DryRun


class Rehearsal(msgspec.Struct, frozen=True):
    """How a clean-up that is only rehearsed would run.

    `rewrite` makes the bodies that would be written; None: records are sent as they are.
    """

    plan: RunPlan
    rewrite: Rewrite | None = None


class Rehearsing:
    """A listener that counts what the clean-up would do with found records."""

    wants = frozenset({Settled})

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._rehearsal = rehearsal
        self._forecaster = Forecaster(rehearsal.plan)

    def __call__(self, event: Event) -> None:
        """Count found records."""
        if isinstance(event, Settled):
            for outcome in event.outcomes:
                record, found = outcome.subject, outcome.found
                if found is not None and isinstance(record, Record):
                    if self._rehearsal.rewrite is not None:
                        body = self._rehearsal.rewrite.body(record, found)
                        record = replace(record, body=body)
                    self._forecaster.admit(record)

    def dry_run(self) -> DryRun:
        """Return what the clean-up would need. Call it once, at the end."""
        forecast = self._forecaster.finish()
        return DryRun(forecast, cost_usd(self._rehearsal.plan.verb, forecast))


class PlanRehearsal:
    """Counts what carrying out a plan would need. Call `admit` with everything that is read."""

    def __init__(self, job: BatchJob, most: MostDeleted) -> None:
        self._approval = PlanApproval(job, most, has_consent=True)
        self._forecasters = {
            verb: Forecaster(replace(job.plan, verb=verb)) for verb in (Verb.DELETE, Verb.SET)
        }

    def admit(self, pieces: PieceList) -> None:
        """Count the records among these."""
        self._approval.admit(pieces)
        for piece in pieces:
            if isinstance(piece, PlannedRecord):
                self._forecasters[piece.verb].admit(_as_written(piece))

    def dry_run(self) -> DryRun:
        """Return what the plan would need. Call it once, at the end."""
        deletes, expiries = (one.finish() for one in self._forecasters.values())
        forecast = deletes.plus(expiries)
        return DryRun(forecast, cost_usd(Verb.DELETE, forecast))

    def refusal(self) -> UsageError | None:
        """Return the error that the guard of the plan would raise, if any."""
        return self._approval.refusal("nothing would be changed")


def _as_written(record: PlannedRecord) -> Record:
    """Return a record with the most bytes that a line may need: a plan does not hold sizes."""
    if record.ttl is None:
        return record
    value = bytes(DEFAULT_LIMITS.value_bytes)
    return replace(record, body=body_with_ttl(record.identity, value, record.ttl))
