"""Batches that are refused whole, or are too large: whole runs on virtual time."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvsctl.bulk.packing.rule import PackingRule, body_bytes
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.errors import TargetError
from kvsctl.model import Record, State, Verb
from kvsctl.service.faults import Fault
from tests.bulk.sending.runs import input_of, one_batch, plan_of
from tests.support.books import carry_out
from tests.support.examples import examples
from tests.support.records import identity, record
from tests.support.simulated.model_service import (
    BROKEN,
    ModelService,
    Turn,
    refused,
)
from tests.support.simulated.virtual_time import Piece


def test_the_guilty_records_are_found_and_fail_alone() -> None:
    poison = frozenset(identity(f"k{place}") for place in (3, 17))
    service = ModelService(poison=poison)
    ran = one_batch(service, 25)
    assert ran.books.positions(State.FAILED) == [3, 17]
    assert {ran.books.code(3), ran.books.code(17)} == {"INVALID_KEY"}
    assert ran.books.states == {"succeeded": 23, "failed": 2}
    assert len(service.requests) <= 1 + 2 * 2 * 5
    assert not any(one.ambiguous for one in service.requests[0].records)


def test_seven_poison_records_in_thousands_cost_few_requests() -> None:
    poison = frozenset(identity(f"k{place}") for place in range(11, 5000, 701))
    assert len(poison) == 8
    service = ModelService(poison=poison - {identity("k11")})
    ran = carry_out(plan_of(), [input_of(5000)], service)
    assert ran.books.states == {"succeeded": 4993, "failed": 7}
    assert ran.error is None
    assert len(service.requests) < 200 + 100


def test_the_parts_of_a_refused_batch_do_not_count_towards_giving_up() -> None:
    poison = frozenset(identity(f"k{place}") for place in range(8))
    ran = one_batch(ModelService(poison=poison), 8, give_up_after=2)
    assert ran.error is None
    assert ran.books.states == {"failed": 8}


def test_splitting_does_not_use_up_the_retries() -> None:
    broken: list[Record] = []

    def script(records: Sequence[Record]) -> Turn:
        if records[0].position == 1 and not broken:
            broken.extend(records)
            return Turn(fault=BROKEN)
        return Turn()

    service = ModelService(script, poison=frozenset({identity("k0")}))
    ran = one_batch(service, 16, retry=RetryPolicy(retries=2))
    assert [one.position for one in broken] == [1], "the neighbour of the poison went alone"
    assert ran.books.positions(State.FAILED) == [0]


def _guilty(records: Sequence[Record]) -> bool:
    return any(one.identity.key.endswith("!") for one in records)


@settings(max_examples=examples(25))
@given(
    st.sampled_from([400, 404, 409, 413, 422]),
    st.sets(st.integers(0, 4999), min_size=7, max_size=7),
)
def test_seven_poison_records_anywhere_cost_under_100_more_requests(
    status: int, places: set[int]
) -> None:
    def script(records: Sequence[Record]) -> Turn:
        return Turn(fault=refused(status, "BAD") if _guilty(records) else None)

    pieces: list[Piece] = [record(n, f"k{n}" + "!" * (n in places)) for n in range(5000)]
    service = ModelService(script)
    ran = carry_out(plan_of(), [pieces], service)
    assert ran.error is None
    assert ran.books.positions(State.FAILED) == sorted(places)
    assert len(service.requests) < 200 + 100
    assert ran.books.states == {"succeeded": 4993, "failed": 7}


def test_poison_in_every_batch_that_is_away_does_not_end_the_run() -> None:
    pieces: list[Piece] = [record(n, f"k{n}" + "!" * (n % 10 == 0)) for n in range(1000)]
    service = ModelService(
        lambda records: Turn(fault=refused(400, "BAD") if _guilty(records) else None)
    )
    ran = carry_out(plan_of(packing=PackingRule(10, 10_000), concurrency=100), [pieces], service)
    assert ran.error is None
    assert ran.books.states == {"succeeded": 900, "failed": 100}


@pytest.mark.parametrize("batch_size", [1, 25])
@pytest.mark.parametrize("whole", [True, False])
def test_a_run_whose_requests_are_all_refused_ends(batch_size: int, whole: bool) -> None:
    def script(records: Sequence[Record]) -> Turn:
        if whole:
            return Turn(0.01, fault=refused(404, "SCHEMA_NOT_FOUND"))
        return Turn(0.01, later={one.identity: "SCHEMA_NOT_FOUND" for one in records})

    service = ModelService(script)
    ran = carry_out(plan_of(packing=PackingRule(batch_size, 10_000)), [input_of(60_000)], service)
    assert isinstance(ran.error, TargetError)
    assert "SCHEMA_NOT_FOUND" in ran.error.message
    assert len(service.requests) <= 1000 + 8
    assert set(ran.books.states) == {"failed", "unsent"}


def test_a_read_of_keys_that_do_not_exist_is_not_given_up() -> None:
    ran = carry_out(
        RunPlan(Verb.GET, packing=PackingRule(1, 1000), give_up_after=1),
        [input_of(300)],
        ModelService(),
    )
    assert ran.error is None
    assert ran.books.states == {"failed": 300}


def _limited(limit: int, fault: Fault) -> ModelService:
    return ModelService(lambda records: Turn(fault=fault if body_bytes(records) > limit else None))


@pytest.mark.parametrize(
    "fault",
    [refused(413, "PAYLOAD_TOO_LARGE"), refused(413, "HTTP_413"), refused(400, "PAYLOAD_LIMIT")],
)
def test_a_lower_payload_limit_is_learnt_once(fault: Fault) -> None:
    pieces: list[Piece] = [record(n, f"k{n}", body_bytes=150_000) for n in range(400)]
    service = _limited(1_000_000, fault)
    ran = carry_out(plan_of(concurrency=8, window_bytes=32_000_000), [pieces], service)
    assert ran.error is None
    assert ran.books.states == {"succeeded": 400}
    refusals = [request for request in ran.books.requests if request.status != 200]
    assert len(refusals) == 8, "those that were away; none was sent too large after that"
    assert len(service.requests) <= 8 + -(-400 // 6) + 8 * 2


def test_a_payload_limit_without_a_code_is_learnt_from_what_passes() -> None:
    pieces: list[Piece] = [record(n, f"k{n}", body_bytes=150_000) for n in range(400)]
    service = _limited(1_000_000, refused(400, "SOMETHING"))
    ran = carry_out(plan_of(concurrency=4), [pieces], service)
    assert ran.books.states == {"succeeded": 400}
    refusals = [request for request in ran.books.requests if request.status != 200]
    assert len(refusals) <= 4 * 7
    assert all(body_bytes(request.records) <= 1_000_000 for request in service.requests[40:])


def test_many_batches_too_large_at_once_do_not_end_the_run() -> None:
    pieces: list[Piece] = [record(n, f"k{n}", body_bytes=150_000) for n in range(2000)]
    service = _limited(1_000_000, refused(413, "HTTP_413"))
    ran = carry_out(plan_of(concurrency=64), [pieces], service)
    assert ran.error is None
    assert ran.books.states == {"succeeded": 2000}


def test_a_lower_count_is_learnt_once() -> None:
    many = refused(400, "TOO_MANY_BATCH_ENTITIES")
    service = ModelService(lambda records: Turn(fault=many if len(records) > 12 else None))
    ran = carry_out(plan_of(concurrency=8), [input_of(1000)], service)
    assert ran.books.states == {"succeeded": 1000}
    refusals = [request for request in ran.books.requests if request.status != 200]
    assert len(refusals) == 8
    assert {len(request.records) for request in service.requests[8:]} <= set(range(1, 13))


def test_a_waiting_resend_is_packed_by_the_rule_learnt_meanwhile() -> None:
    def script(records: Sequence[Record]) -> Turn:
        if records[0].position == 0 and records[0].attempts == 1:
            return Turn(fault=refused(503, "SERVICE_UNAVAILABLE", retry_after_seconds=9.0))
        large = body_bytes(records) > 1_000_000
        return Turn(fault=refused(413, "HTTP_413") if large else None)

    pieces: list[Piece] = [record(n, f"k{n}", body_bytes=150_000) for n in range(50)]
    service = ModelService(script)
    ran = carry_out(plan_of(concurrency=2), [pieces], service)
    assert ran.books.states == {"succeeded": 50}
    assert sum(request.status == 413 for request in ran.books.requests) == 1
