"""Stop and abort: what is finished, and what is left unsent."""

import asyncio

import pytest

from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import Pressure, RunPlan
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.bulk.run import Run
from kvsctl.errors import StreamError
from kvsctl.model import State, Verb
from tests.bulk.run.support import ONE_BY_ONE, abort, input_of, stop
from tests.support.books import carry_out
from tests.support.records import problem, record
from tests.support.simulated.model_service import (
    NO_CONNECTION,
    THROTTLED,
    TIMED_OUT,
    ModelService,
    Turn,
    always,
    in_turn,
    refused,
)
from tests.support.simulated.virtual_time import Piece, Step


def test_stop_finishes_requests_in_flight() -> None:
    plan = RunPlan(Verb.SET, packing=PackingRule(2, 1000), concurrency=2)
    service = ModelService()
    ran = carry_out(plan, [input_of(10)], service, moments=[(0.05, stop)])
    assert ran.error is None
    assert service.sent == [[0, 1], [2, 3]]
    assert ran.books.states == {"succeeded": 4, "unsent": 6}
    assert ran.seconds == pytest.approx(0.1)


def test_a_stopped_run_does_not_wait_for_the_turn_of_the_next_request() -> None:
    """It once asked again and again whether that turn had come, until the last answer did."""
    plan = RunPlan(Verb.SET, packing=PackingRule(1, 1000), concurrency=2)
    asked = refused(429, "RATE_LIMIT_EXCEEDED", retry_after_seconds=2.0)
    service = ModelService(in_turn(Turn(10.0), Turn(0.1, fault=asked)))
    failure = StreamError("no space left")
    ran = carry_out(plan, [input_of(3)], service, moments=[(0.5, lambda run: run.stop(failure))])
    assert ran.error is failure
    assert ran.books.states == {"succeeded": 1, "unsent": 2}
    assert ran.seconds == pytest.approx(10.0)


def test_stop_leaves_retries_undone() -> None:
    service = ModelService(in_turn(Turn(fault=TIMED_OUT, applies=True), Turn(fault=THROTTLED)))
    plan = RunPlan(Verb.SET, packing=PackingRule(2, 1000), concurrency=2)
    ran = carry_out(plan, [input_of(6)], service, moments=[(0.05, stop)])
    assert ran.books.positions(State.UNKNOWN) == [0, 1]
    assert ran.books.positions(State.UNSENT) == [2, 3, 4, 5]
    assert ran.seconds == pytest.approx(0.1)


def test_stop_reads_no_further() -> None:
    steps: list[Step] = []
    for place in range(10):
        steps += [input_of(1, place), [], 1.0]
    service = ModelService(always(Turn(100.0)))
    ran = carry_out(RunPlan(Verb.SET), steps, service, moments=[(2.5, stop)])
    assert ran.books.read == 3
    assert ran.books.states == {"succeeded": 3}


def test_stop_settles_records_that_were_not_admitted() -> None:
    pieces: list[Piece] = [*input_of(1000), problem(1000), record(1001)]
    service = ModelService(always(Turn(10.0)))
    ran = carry_out(ONE_BY_ONE, [pieces], service, moments=[(5.0, stop)])
    assert ran.books.positions(State.SUCCEEDED) == [0]
    assert ran.books.positions(State.FAILED) == [1000]
    assert ran.books.states == {"succeeded": 1, "unsent": 1000, "failed": 1}


def test_stop_leaves_the_newer_record_unsent() -> None:
    steps: list[Step] = [[record(0)], [], 0.05, [record(1)], []]
    ran = carry_out(RunPlan(Verb.SET), steps, ModelService(), moments=[(0.06, stop)])
    assert ran.books.positions(State.SUCCEEDED) == [0]
    assert ran.books.positions(State.UNSENT) == [1]


def test_a_stopped_run_without_answers_is_stopped_not_unreachable() -> None:
    service = ModelService(always(Turn(fault=NO_CONNECTION)))
    ran = carry_out(ONE_BY_ONE, [[problem(0), record(1)]], service, moments=[(0.15, stop)])
    assert ran.error is None
    assert ran.books.states == {"failed": 1, "unsent": 1}


def test_abort_cuts_off_requests_in_flight() -> None:
    plan = RunPlan(Verb.SET, packing=PackingRule(2, 1000), concurrency=2)
    service = ModelService(always(Turn(1000.0)))
    moments = [(1.0, stop), (2.0, abort)]
    ran = carry_out(plan, [input_of(6)], service, moments=moments)
    assert ran.seconds == pytest.approx(2.0)
    assert ran.books.positions(State.UNKNOWN) == [0, 1, 2, 3]
    assert ran.books.positions(State.UNSENT) == [4, 5]
    assert all(one.ambiguous for request in service.requests for one in request.records)


def test_abort_leaves_records_with_a_refused_token_unsent() -> None:
    service = ModelService(renewals=1)
    service.revoked.add(service.token)
    ran = carry_out(RunPlan(Verb.SET), [input_of(2)], service, moments=[(0.12, abort)])
    assert len(service.requests) == 1
    assert ran.books.states == {"unsent": 2}


class _AskingForAToken(ModelService):
    """A service whose token takes a minute, such as one that a person types."""

    async def prepare(self) -> None:
        await asyncio.sleep(60)


def test_abort_while_a_token_is_fetched_leaves_records_unsent() -> None:
    service = _AskingForAToken()
    ran = carry_out(RunPlan(Verb.SET), [input_of(2)], service, moments=[(1.0, stop), (2.0, abort)])
    assert service.requests == []
    assert ran.books.states == {"unsent": 2}


def test_abort_leaves_throttled_records_that_wait_unsent() -> None:
    service = ModelService(in_turn(Turn(fault=THROTTLED)))
    run_of: list[Run] = []

    def abort_before_the_resend_starts() -> Pressure:
        loop = asyncio.get_running_loop()
        if loop.time() >= 1.0:  # it is due, and its sender is about to be made
            loop.call_soon(run_of[0].abort)
        return Pressure.NONE

    plan = RunPlan(Verb.SET, retry=RetryPolicy(base_seconds=10.0))
    ran = carry_out(
        plan,
        [input_of(2)],
        service,
        moments=[(0.0, run_of.append)],
        pressure=abort_before_the_resend_starts,
    )
    assert len(service.requests) == 1
    assert ran.books.states == {"unsent": 2}


def test_abort_settles_followers_too() -> None:
    service = ModelService(always(Turn(10.0)))
    pieces: list[Piece] = [record(place) for place in range(3)]
    ran = carry_out(RunPlan(Verb.GET), [pieces], service, moments=[(1.0, abort)])
    assert ran.books.states == {"unknown": 3}
