"""What a clean-up would need, counted from the events of a listing."""

from kvsctl.bulk.events import Settled
from kvsctl.bulk.plan import RunPlan
from kvsctl.jobs.cleanup.actions import Expiring
from kvsctl.jobs.cleanup.rehearsal import Rehearsal, Rehearsing
from kvsctl.model import SUCCEEDED, Found, Identity, Outcome, Record, Verb
from kvsctl.records.ttl import Ttl


def test_the_records_of_an_event_stay_as_they_are() -> None:
    """Other listeners receive the same event."""
    record = Record(0, "listing", 1, Identity(None, "a"), b'{"key":"a"}')
    expiring = Expiring(Ttl(30, "DAYS"))
    rehearsing = Rehearsing(Rehearsal(RunPlan(Verb.SET), rewrite=expiring))
    rehearsing(Settled([Outcome(record, SUCCEEDED, found=Found(b'"' + b"x" * 5_000 + b'"'))]))
    assert record.body == b'{"key":"a"}'
    assert rehearsing.dry_run().forecast.bytes_sent > 5_000
