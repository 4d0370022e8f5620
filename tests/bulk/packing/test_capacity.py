"""Learning from refusals how large a request may be."""

from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.packing.capacity import Capacity, Inquiry
from kvsctl.bulk.packing.rule import PackingRule, body_bytes
from kvsctl.model import Record
from kvsctl.service.faults import Fault
from tests.support.records import record
from tests.support.simulated.model_service import refused

_TOO_LARGE = refused(413, "HTTP_413")
_TOO_MANY = refused(400, "TOO_MANY_BATCH_ENTITIES")


def _batch(count: int, size: int = 100) -> list[Record]:
    return [record(place, f"k{place}", body_bytes=size) for place in range(count)]


def _refuse(capacity: Capacity, batch: list[Record], fault: Fault) -> bool:
    return capacity.is_exceeded(batch, body_bytes(batch), fault)


def test_only_size_and_count_teach() -> None:
    capacity = Capacity(PackingRule(25, 4_000_000))
    before = capacity.rule
    for fault in (
        refused(400, "INVALID_KEY"),
        refused(400, "ENTITY_TYPE_TOO_LARGE"),
        refused(400, "MAX_SIZE"),
        refused(404, "SCHEMA_NOT_FOUND"),
        refused(409, "KEY_CONFLICT"),
        refused(422, "UNPROCESSABLE_ENTITY"),
    ):
        assert not _refuse(capacity, _batch(25, 90_000), fault)
    assert not _refuse(capacity, _batch(1, 90_000), _TOO_LARGE), "one record alone cannot be split"
    assert capacity.rule == before


def test_the_first_guess_is_the_limit_that_was_enforced_by_mistake() -> None:
    for fault in (_TOO_LARGE, refused(400, "PAYLOAD_TOO_LARGE")):
        capacity = Capacity(PackingRule(25, 4_000_000))
        assert _refuse(capacity, _batch(25, 150_000), fault)
        assert capacity.rule == PackingRule(25, 1_000_000)


def test_a_refused_batch_that_was_already_in_flight_teaches_nothing() -> None:
    capacity = Capacity(PackingRule(25, 4_000_000))
    for _ in range(8):
        assert _refuse(capacity, _batch(25, 150_000), _TOO_LARGE)
        assert _refuse(capacity, _batch(20), _TOO_MANY)
    assert capacity.rule == PackingRule(10, 1_000_000)


def test_accepted_requests_bound_what_is_learnt() -> None:
    capacity = Capacity(PackingRule(25, 4_000_000))
    capacity.note_taken(20, 1_200_000)
    _refuse(capacity, _batch(25, 60_000), _TOO_LARGE)
    _refuse(capacity, _batch(25), _TOO_MANY)
    assert capacity.rule == PackingRule(20, 1_200_000)


def test_a_service_that_takes_fewer_than_it_did_is_followed() -> None:
    capacity = Capacity(PackingRule(25, 900_000))
    capacity.note_taken(25, 2_500)
    _refuse(capacity, _batch(25), _TOO_MANY)
    assert capacity.rule.max_records == 12


def test_a_batch_smaller_than_an_accepted_one_was_not_refused_for_its_size() -> None:
    capacity = Capacity(PackingRule(25, 4_000_000))
    capacity.note_taken(25, 5_000)
    assert not _refuse(capacity, _batch(25), _TOO_LARGE)
    assert capacity.rule.max_bytes == 4_000_000


def test_a_record_that_is_refused_as_too_large_for_its_content_undoes_the_lesson() -> None:
    capacity = Capacity(PackingRule(25, 4_000_000))
    assert _refuse(capacity, _batch(25), _TOO_LARGE)
    assert capacity.rule.max_bytes < 2_000
    capacity.note_taken(12, 1_200)
    capacity.note_guilty(5_000, _TOO_LARGE)
    capacity.note_guilty(100, refused(400, "INVALID_KEY"))
    assert capacity.rule.max_bytes < 2_000
    capacity.note_guilty(100, _TOO_LARGE)
    assert capacity.rule.max_bytes == 4_000_000
    assert not _refuse(capacity, _batch(25), _TOO_LARGE)


@given(
    st.integers(1, 30),
    st.integers(200, 4_000_000),
    st.lists(st.tuples(st.integers(2, 25), st.integers(50, 200_000)), max_size=40),
)
def test_a_lesson_leaves_the_batch_too_large_for_one_request(
    most: int, largest: int, batches: list[tuple[int, int]]
) -> None:
    capacity = Capacity(PackingRule(25, 4_000_000))
    for count, size in batches:
        batch = _batch(count, size)
        before, sent_bytes = capacity.rule, body_bytes(batch)
        if count > most:
            fault = _TOO_MANY
        elif sent_bytes > largest:
            fault = _TOO_LARGE
        else:
            capacity.note_taken(count, sent_bytes)
            continue
        assert capacity.is_exceeded(batch, sent_bytes, fault)
        rule = capacity.rule
        assert count > rule.max_records or sent_bytes > rule.max_bytes
        assert (rule.max_records, rule.max_bytes) >= (1, 1)
        assert rule.max_records <= before.max_records
        assert rule.max_bytes <= before.max_bytes


def test_two_halves_that_pass_show_that_the_whole_was_too_large() -> None:
    capacity = Capacity(PackingRule(25, 4_000_000))
    inquiry = Inquiry(2_000_000)
    capacity.note_taken(12, 1_000_500)
    capacity.note_passed(inquiry, 999_500)
    assert capacity.rule.max_bytes == 4_000_000
    capacity.note_passed(inquiry, 1_000_500)
    assert capacity.rule.max_bytes == 1_000_500


def test_a_small_batch_was_not_refused_for_its_size() -> None:
    capacity = Capacity(PackingRule(25, 4_000_000))
    inquiry = Inquiry(60_000)
    for _ in range(2):
        capacity.note_passed(inquiry, 30_000)
    assert capacity.rule.max_bytes == 4_000_000


def test_each_lesson_is_announced_once() -> None:
    told: list[PackingRule] = []
    capacity = Capacity(PackingRule(25, 4_000_000), told.append)
    for _ in range(2):
        assert _refuse(capacity, _batch(25), _TOO_MANY)
    assert told == [capacity.rule] == [PackingRule(12, 4_000_000)]
