"""Requests that fail and are retried, or end the run: whole runs on virtual time."""

from collections.abc import Sequence
from random import Random

import pytest
from msgspec import structs

from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.errors import TargetError
from kvsctl.model import Record, State, Verb
from kvsctl.service.faults import Fault
from tests.bulk.sending.runs import input_of, one_batch, plan_of
from tests.support.books import carry_out
from tests.support.records import identity
from tests.support.simulated.model_service import (
    BROKEN,
    NO_CONNECTION,
    THROTTLED,
    TIMED_OUT,
    UNREADABLE,
    ModelService,
    Turn,
    always,
    in_turn,
    refused,
)
from tests.support.simulated.virtual_time import Step


@pytest.mark.parametrize("fault", [BROKEN, TIMED_OUT, UNREADABLE, NO_CONNECTION, THROTTLED])
def test_a_fault_is_waited_out(fault: Fault) -> None:
    service = ModelService(in_turn(Turn(fault=fault), Turn(fault=fault)))
    ran = one_batch(service)
    assert ran.error is None
    assert service.sent == [[0, 1, 2]] * 3
    assert ran.books.states == {"succeeded": 3}
    assert [request.is_retry for request in ran.books.requests] == [False, True, True]
    assert [request.trouble for request in ran.books.requests] == [
        f"{fault.code}: {fault.message}"
    ] * 2 + [None]
    assert all(one.ambiguous == fault.may_be_applied for one in service.requests[0].records), (
        "counted as ambiguous although it succeeded in the end"
    )


def test_trouble_without_end_fails_with_its_code_after_the_retries() -> None:
    service = ModelService(always(Turn(fault=BROKEN)))
    ran = one_batch(service, 2, retry=RetryPolicy(retries=3))
    assert len(service.requests) == 4
    assert [ran.books.code(place) for place in range(2)] == ["SERVICE_UNAVAILABLE"] * 2
    failure = ran.books.outcomes[0].failure
    assert failure is not None
    assert failure.trace_id == "trace"
    assert [one.attempts for one in service.requests[0].records] == [4, 4]


def test_a_429_holds_all_requests_back_for_its_retry_after() -> None:
    asked = refused(429, "TOO_MANY_REQUESTS", retry_after_seconds=40.0)
    service = ModelService(in_turn(Turn(fault=asked)))
    plan = plan_of(packing=PackingRule(1, 1000), concurrency=1)
    ran = carry_out(plan, [input_of(2)], service)
    assert service.requests[1].started >= 40.1
    [held] = ran.books.throttled
    assert service.requests[1].started == pytest.approx(0.1 + held)
    assert ran.books.states == {"succeeded": 2}


def test_a_5xx_holds_no_other_request_back() -> None:
    asked = refused(503, "SERVICE_UNAVAILABLE", retry_after_seconds=40.0)
    service = ModelService(in_turn(Turn(fault=asked)))
    plan = plan_of(packing=PackingRule(1, 1000), concurrency=1)
    ran = carry_out(plan, [input_of(2)], service)
    assert service.sent == [[0], [1], [0]]
    assert service.requests[1].started == pytest.approx(0.1)
    assert service.requests[2].started >= 40.1
    assert ran.books.throttled == []


def test_429s_do_not_use_up_the_retries() -> None:
    service = ModelService(in_turn(*[Turn(fault=THROTTLED)] * 5, Turn(fault=BROKEN)))
    ran = one_batch(service, retry=RetryPolicy(retries=1))
    assert ran.books.states == {"succeeded": 3}
    assert ran.error is None


@pytest.mark.parametrize("retries", [0, 1, 2])
@pytest.mark.parametrize("asked", [None, 0.5, 1.0])
def test_429s_without_end_end_the_run_and_fail_no_record(retries: int, asked: float | None) -> None:
    fault = refused(429, "RATE_LIMIT_EXCEEDED", retry_after_seconds=asked)
    service = ModelService(always(Turn(fault=fault)))
    ran = one_batch(service, 2, retry=RetryPolicy(retries=retries), patience_seconds=200.0)
    assert 200 <= ran.seconds < 201
    assert isinstance(ran.error, TargetError)
    assert "RATE_LIMIT_EXCEEDED" in ran.error.message
    assert ran.books.states == {"unsent": 2}


@pytest.mark.parametrize("fault", [THROTTLED, BROKEN], ids=["429", "503"])
@pytest.mark.parametrize("asked", [11.0, 3600.0])
def test_an_asked_wait_that_outlasts_patience_ends_the_run_at_once(
    fault: Fault, asked: float
) -> None:
    service = ModelService(always(Turn(fault=structs.replace(fault, retry_after_seconds=asked))))
    ran = one_batch(service, 2, patience_seconds=10.0)
    assert ran.seconds < 1
    assert isinstance(ran.error, TargetError)
    assert f"asks to wait {asked:,.0f} s" in ran.error.message
    assert "--patience (10 s)" in ran.error.message


def test_an_asked_wait_within_patience_is_obeyed_whole() -> None:
    asked = refused(429, "TOO_MANY_REQUESTS", retry_after_seconds=3600.0)
    ran = one_batch(ModelService(in_turn(Turn(fault=asked))), 2, patience_seconds=4000.0)
    assert ran.books.states == {"succeeded": 2}
    assert 3600 <= ran.seconds < 3605


def test_a_record_that_is_throttled_again_and_again_fails_where_others_are_not() -> None:
    def script(records: Sequence[Record]) -> Turn:
        return Turn(fault=THROTTLED) if records[0].position == 0 else Turn()

    steps: list[Step] = []
    for one in input_of(30):
        steps += [[one], [], 5.0]
    plan = plan_of(packing=PackingRule(1, 1000), retry=RetryPolicy(retries=1), concurrency=2)
    ran = carry_out(plan, steps, ModelService(script))
    assert ran.error is None
    assert ran.books.code(0) == "RATE_LIMIT_EXCEEDED"
    assert ran.books.states == {"succeeded": 29, "failed": 1}


@pytest.mark.parametrize("asked", [None, 1.0, 60.0])
def test_a_run_that_is_only_throttled_ends_in_time(asked: float | None) -> None:
    fault = refused(429, "TOO_MANY_REQUESTS", retry_after_seconds=asked)
    service = ModelService(always(Turn(fault=fault)))
    plan = plan_of(patience_seconds=300.0)
    ran = carry_out(plan, [input_of(5000)], service)
    assert isinstance(ran.error, TargetError)
    assert ran.books.states == {"unsent": 5000}
    assert 300 - (asked or 0) <= ran.seconds <= 301
    assert len(service.requests) < 500


def test_keys_of_one_answer_that_are_put_off_travel_together_again() -> None:
    names = {identity(f"k{place}"): "TIMEOUT" for place in range(5, 20)}
    left_out = frozenset({identity("k2"), identity("k3")})
    service = ModelService(in_turn(Turn(later=names, left_out=left_out)))
    ran = one_batch(service, 25)
    assert ran.books.states == {"succeeded": 25}
    assert [sorted(sent) for sent in service.sent[1:]] == [[2, 3, *range(5, 20)]]


def test_full_storage_is_explained() -> None:
    full = refused(429, "REQUEST_THROTTLED")
    service = ModelService(always(Turn(fault=full)))
    ran = one_batch(service, 1, retry=RetryPolicy(retries=2))
    assert len(service.requests) == 3
    assert ran.books.throttled == [], "slowing down does not help"
    assert all(request.is_throttled for request in ran.books.requests), "the report counts it"
    failure = ran.books.outcomes[0].failure
    assert failure is not None
    assert failure.code == "REQUEST_THROTTLED"
    assert "storage may be full" in failure.message


def test_full_storage_of_a_single_key_is_explained() -> None:
    later = {identity("k0"): "REQUEST_THROTTLED"}
    ran = one_batch(ModelService(always(Turn(later=later))), 2, retry=RetryPolicy(retries=1))
    failure = ran.books.outcomes[0].failure
    assert failure is not None
    assert "storage may be full" in failure.message
    assert ran.books.states == {"succeeded": 1, "failed": 1}


def test_full_storage_is_retried_within_the_budget_and_ends_the_run_that_writes_nothing() -> None:
    service = ModelService(always(Turn(0.01, fault=refused(429, "REQUEST_THROTTLED"))))
    ran = carry_out(plan_of(packing=PackingRule(1, 1000)), [input_of(20_000)], service)
    assert isinstance(ran.error, TargetError)
    assert "without a success" in ran.error.message
    assert ran.books.throttled == []
    retries = sum(request.is_retry for request in ran.books.requests)
    assert retries <= 100 + ran.seconds
    assert len(service.requests) <= 1000 + 8
    failed = ran.books.positions(State.FAILED)
    assert {ran.books.code(place) for place in failed} == {"REQUEST_THROTTLED"}


def test_full_storage_of_single_keys_is_retried_within_the_budget_too() -> None:
    def script(records: Sequence[Record]) -> Turn:
        return Turn(0.0, later={one.identity: "REQUEST_THROTTLED" for one in records})

    service = ModelService(script)
    ran = carry_out(plan_of(packing=PackingRule(1, 1000)), [input_of(20_000)], service)
    assert isinstance(ran.error, TargetError)
    assert sum(request.is_retry for request in ran.books.requests) <= 100 + ran.seconds
    tried = {request.records[0].attempts for request in service.requests}
    assert 1 in tried, "once the budget is spent, a record fails at its first attempt"


def test_a_service_that_mostly_fails_is_not_hammered() -> None:
    random = Random(5)

    def script(_: Sequence[Record]) -> Turn:
        return Turn(0.01, fault=BROKEN if random.random() < 0.95 else None)

    plan = plan_of(
        packing=PackingRule(1, 1000),
        retry=RetryPolicy(retries=1000, base_seconds=0.0),
        give_up_after=10**9,
        concurrency=16,
    )
    service = ModelService(script)
    ran = carry_out(plan, [input_of(60)], service)
    assert ran.books.states == {"succeeded": 60}, "the budget fails no record"
    retries = sum(request.is_retry for request in ran.books.requests)
    assert retries <= 100 + 3 * 60 + 1.1 * ran.seconds + 60
    assert ran.seconds > 300


@pytest.mark.parametrize("verb", [Verb.SET, Verb.GET])
def test_a_service_that_puts_off_or_leaves_out_every_key_is_not_hammered(verb: Verb) -> None:
    def script(records: Sequence[Record]) -> Turn:
        return Turn(0.01, later={one.identity: "INTERNAL_ERROR" for one in records})

    plan = RunPlan(
        verb,
        packing=PackingRule(1, 1000),
        retry=RetryPolicy(retries=100, base_seconds=0.0),
    )
    ran = carry_out(plan, [input_of(20)], ModelService(script))
    retries = sum(request.is_retry for request in ran.books.requests)
    assert 200 < retries <= 100 + 1.1 * ran.seconds + 20


def test_while_a_quarter_of_the_requests_succeed_nothing_waits_for_the_budget() -> None:
    turns = ([Turn(0.01, fault=BROKEN)] * 3 + [Turn(0.01)]) * 500
    plan = plan_of(packing=PackingRule(1, 1000), retry=RetryPolicy(base_seconds=0.0), concurrency=1)
    ran = carry_out(plan, [input_of(500)], ModelService(in_turn(*turns)))
    assert ran.books.states == {"succeeded": 500}
    assert ran.seconds == pytest.approx(2000 * 0.01)
