"""Which batch is sent next."""

from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.lanes import Lanes
from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.sending.queue import Batch, Purpose, SendQueue
from kvsctl.model import Record
from tests.support.records import record


def _queue(rule: PackingRule | None = None) -> SendQueue:
    return SendQueue(Lanes(join=False), rule or PackingRule(3, 1000))


def _records(count: int, start: int = 0) -> list[Record]:
    return [record(place, f"k{place}") for place in range(start, start + count)]


def test_a_batch_waits_until_it_is_full_or_flushed() -> None:
    lanes = Lanes(join=False)
    queue = SendQueue(lanes, PackingRule(3, 1000))
    records = _records(5)
    assert queue.next_new(flush=True) is None
    for one in records:
        lanes.admit(one)
    full = queue.next_new(flush=False)
    assert full is not None
    assert full.records == records[:3]
    assert not full.is_part
    assert not full.is_loose
    assert queue.next_new(flush=False) is None
    rest = queue.next_new(flush=True)
    assert rest is not None
    assert rest.records == records[3:]
    assert (lanes.waiting, lanes.admitted) == (0, 5)


def test_resends_come_when_they_are_due_the_first_due_first() -> None:
    queue = _queue()
    late, early, same = (Batch([one]) for one in _records(3))
    assert _queue().next_due is None
    queue.resend(late, 9.0)
    queue.resend(early, 5.0)
    queue.resend(same, 5.0)
    assert queue.next_due == 5.0
    assert queue.next_resend(4.9) is None
    assert queue.next_resend(5.0) is early
    assert queue.next_resend(20.0) is same
    assert queue.next_resend(20.0) is late
    assert queue.next_resend(20.0) is None


def test_loose_records_that_are_due_travel_together_within_the_rule() -> None:
    queue = _queue()
    records = _records(5)
    for place, one in enumerate(records):
        queue.resend(Batch([one], is_loose=True), float(place))
    batch = queue.next_resend(3.5)
    assert batch is not None
    assert batch.records == records[:3]
    assert batch.is_loose
    batch = queue.next_resend(3.5)
    assert batch is not None
    assert batch.records == records[3:4], "the last is not due"
    assert queue.next_due == 4.0


def test_the_size_of_a_request_is_bounded() -> None:
    queue = _queue(PackingRule(25, 250))
    for place in range(3):
        one = record(place, f"k{place}", body_bytes=100)
        queue.resend(Batch([one], is_loose=True), 0.0)
    batch = queue.next_resend(0.0)
    assert batch is not None
    assert len(batch.records) == 2


def test_what_a_stopped_run_reads_back_is_bounded_too() -> None:
    """A batch may be larger when it is read back than when it was written."""
    queue = _queue(PackingRule(25, 250))
    records = [record(place, f"k{place}", body_bytes=100) for place in range(5)]
    queue.resend(Batch(records, purpose=Purpose.READ_BACK), 3.0)
    assert queue.next_unread(lambda _: False) is None
    assert queue.has_unread
    batches = []
    while (batch := queue.next_unread()) is not None:
        batches.append(batch.records)
    assert batches == [records[:2], records[2:4], records[4:]]
    queue.resend(Batch(records, purpose=Purpose.READ_BACK), 3.0)
    assert queue.next_begun(2.9) is None
    begun = [queue.next_begun(3.0) for _ in range(4)]
    assert [one.records for one in begun if one] == batches


def test_parts_of_a_split_batch_stay_apart() -> None:
    queue = _queue()
    part, loose, whole = (Batch([one]) for one in _records(3))
    part.is_part, loose.is_loose = True, True
    for batch in (part, loose, whole):
        queue.resend(batch, 0.0)
    assert queue.next_resend(0.0) is part
    assert queue.next_resend(0.0) is loose
    assert queue.next_resend(0.0) is whole


def test_renewals_outlive_a_merge() -> None:
    queue = _queue()
    for one, renewals in zip(_records(3), (0, 2, 1), strict=True):
        queue.resend(Batch([one], is_loose=True, renewals=renewals), 0.0)
    batch = queue.next_resend(0.0)
    assert batch is not None
    assert (len(batch.records), batch.renewals) == (3, 2)


def test_draining_takes_every_record_once() -> None:
    queue = _queue()
    records = _records(4)
    queue.resend(Batch(records[:3]), 1.0)
    queue.resend(Batch(records[3:]), 0.0)
    assert set(queue.drain_resends()) == set(records)
    assert queue.drain_resends() == []
    assert queue.next_due is None


@given(
    st.lists(
        st.tuples(st.floats(0, 10), st.booleans(), st.integers(20, 120)), min_size=1, max_size=20
    ),
    st.integers(1, 5),
)
def test_nothing_is_lost_nor_early_and_merges_keep_the_rule(
    resends: list[tuple[float, bool, int]], max_records: int
) -> None:
    rule = PackingRule(max_records, 300)
    queue = _queue(rule)
    due = {}
    for place, (moment, is_loose, size) in enumerate(resends):
        one = record(place, f"k{place}", body_bytes=size)
        due[one] = moment
        queue.resend(Batch([one], is_loose=is_loose), moment)
    came: list[Record] = []
    for now in [moment / 4 for moment in range(41)]:
        while (batch := queue.next_resend(now)) is not None:
            assert all(due[one] <= now for one in batch.records)
            assert len(batch.records) <= max_records
            assert len(batch.records) == 1 or batch.is_loose
            came += batch.records
        assert queue.next_due is None or queue.next_due > now
    assert sorted(one.position for one in came) == list(range(len(resends)))
