"""Runs whose time is up: they take no new work, and leave nothing unknown if they can."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.bulk.run import Run
from kvsctl.errors import CredentialsError
from kvsctl.model import State, Verb
from kvsctl.service.faults import Fault
from tests.support.books import carry_out
from tests.support.records import record
from tests.support.simulated.model_service import (
    BROKEN,
    THROTTLED,
    TIMED_OUT,
    ModelService,
    Turn,
    always,
    in_turn,
    refused,
)
from tests.support.simulated.virtual_time import Piece

_TWO_BY_TWO = RunPlan(Verb.SET, packing=PackingRule(2, 1000), concurrency=2)


def _input(count: int) -> list[Piece]:
    return [record(place, f"k{place}") for place in range(count)]


def _end(run: Run) -> None:
    run.run_out_of_time()


def test_requests_in_flight_are_finished_and_nothing_new_is_sent() -> None:
    service = ModelService()
    ran = carry_out(_TWO_BY_TWO, [_input(10)], service, moments=[(0.05, _end)])
    assert service.sent == [[0, 1], [2, 3]]
    assert ran.books.states == {"succeeded": 4, "unsent": 6}
    assert ran.seconds == pytest.approx(0.1)
    assert ran.error is None


@pytest.mark.parametrize("fault", [TIMED_OUT, BROKEN])
def test_records_with_an_unanswered_attempt_are_retried(fault: Fault) -> None:
    service = ModelService(in_turn(Turn(fault=fault, applies=True), Turn(fault=THROTTLED)))
    ran = carry_out(_TWO_BY_TWO, [_input(6)], service, moments=[(0.05, _end)])
    assert ran.books.positions(State.SUCCEEDED) == [0, 1]
    assert ran.books.positions(State.UNSENT) == [2, 3, 4, 5]
    assert service.sent == [[0, 1], [2, 3], [0, 1]]


def test_a_retry_that_fails_is_retried_until_the_stop_seconds_are_over() -> None:
    service = ModelService(always(Turn(fault=TIMED_OUT, applies=True)))
    retry = RetryPolicy(retries=1000)
    plan = RunPlan(Verb.SET, concurrency=1, retry=retry, stop_seconds=30.0, give_up_after=10**6)
    ran = carry_out(plan, [_input(2)], service, moments=[(0.05, _end)])
    assert ran.books.positions(State.UNKNOWN) == [0, 1]
    assert len(service.requests) > 3
    assert 30 <= ran.seconds < 31


def test_written_records_are_read_back_even_if_that_needs_a_retry() -> None:
    service = ModelService(in_turn(Turn(), Turn(fault=TIMED_OUT)))
    plan = RunPlan(Verb.SET, packing=PackingRule(2, 1000), concurrency=1, verify=True)
    ran = carry_out(plan, [_input(6)], service, moments=[(0.05, _end)])
    assert ran.books.positions(State.SUCCEEDED) == [0, 1]
    assert ran.books.positions(State.UNSENT) == [2, 3, 4, 5]


def test_a_refused_token_outweighs_the_time() -> None:
    service = ModelService(always(Turn(fault=refused(401, "UNAUTHORIZED"))))
    ran = carry_out(_TWO_BY_TWO, [_input(6)], service, moments=[(0.05, _end)])
    assert isinstance(ran.error, CredentialsError)
    assert ran.books.states == {"unsent": 6}


@pytest.mark.parametrize("second", [0.06, 5.0])
def test_a_signal_ends_the_retries(second: float) -> None:
    service = ModelService(always(Turn(fault=TIMED_OUT, applies=True)))
    plan = RunPlan(Verb.SET, concurrency=1, give_up_after=10**6)
    ran = carry_out(
        plan, [_input(2)], service, moments=[(0.05, _end), (second, lambda run: run.stop())]
    )
    assert ran.books.positions(State.UNKNOWN) == [0, 1]
    assert ran.seconds < second + 0.2


@given(
    st.floats(0, 3), st.integers(0, 200), st.lists(st.sampled_from([None, TIMED_OUT, THROTTLED]))
)
def test_nothing_is_unknown_if_the_service_answers_again(
    moment: float, count: int, faults: list[Fault | None]
) -> None:
    turns = [Turn(fault=fault, applies=fault is not None) for fault in faults]
    service = ModelService(in_turn(*turns))
    ran = carry_out(_TWO_BY_TWO, [_input(count)], service, moments=[(moment, _end)])
    states = ran.books.states
    assert ran.error is None
    assert states.get("unknown", 0) == 0
    assert states.get("succeeded", 0) + states.get("unsent", 0) == ran.books.read
