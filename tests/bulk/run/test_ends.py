"""Runs that end because of their feed, a listener, the target or failures; and waits."""

from collections.abc import Callable

import pytest

from kvsctl.bulk.events import Event, RequestEnded, Settled, Waiting, WaitReason
from kvsctl.bulk.pacing.pace import Pace
from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.bulk.run import Run
from kvsctl.errors import StreamError, TargetError
from kvsctl.model import State, Verb
from kvsctl.service.faults import Fault, FaultKind
from tests.bulk.run.support import input_of, stop
from tests.support.books import Ran, carry_out
from tests.support.records import problem, record
from tests.support.simulated.model_service import (
    BROKEN,
    NO_CONNECTION,
    ModelService,
    Turn,
    always,
    in_turn,
    refused,
)
from tests.support.simulated.virtual_time import Piece, Step


def test_records_read_before_a_feed_fails_are_sent() -> None:
    broken = StreamError("cannot read in.jsonl after 3 bytes: Input/output error")
    service = ModelService()
    ran = carry_out(RunPlan(Verb.SET), [input_of(2), [], 0.05, input_of(2, 2), broken], service)
    assert ran.error is broken
    assert ran.books.states == {"succeeded": 4}


@pytest.mark.parametrize("moments", [[], [(0.2, stop)]], ids=["to the end", "stopped"])
def test_a_feed_that_breaks_outweighs_a_target_that_does_not_answer(
    moments: list[tuple[float, Callable[[Run], None]]],
) -> None:
    broken = StreamError("in.jsonl failed after 3 bytes: Input/output error")
    service = ModelService(always(Turn(fault=NO_CONNECTION)))
    plan = RunPlan(Verb.SET, retry=RetryPolicy(retries=2))
    ran = carry_out(plan, [input_of(2), broken], service, moments=moments)
    assert ran.error is broken, "exit code 5, which precedes 4"


def test_a_defect_of_the_feed_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        carry_out(RunPlan(Verb.SET), [input_of(2), ZeroDivisionError()], ModelService())


def test_a_defect_of_a_listener_is_raised() -> None:
    def listener(event: Event) -> None:
        if isinstance(event, Settled):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        carry_out(RunPlan(Verb.SET), [input_of(2)], ModelService(), listeners=[listener])


@pytest.mark.parametrize("broken_at", [RequestEnded, Settled])
def test_output_that_breaks_ends_the_run_and_the_sum_holds(broken_at: type) -> None:
    full = StreamError("out.jsonl cannot be written: No space left on device")

    def listener(event: Event) -> None:
        if isinstance(event, broken_at):
            raise full

    service = ModelService()
    plan = RunPlan(Verb.SET, packing=PackingRule(2, 1000), concurrency=2)
    ran = carry_out(plan, [input_of(10)], service, listeners=[listener])
    assert ran.error is full
    assert ran.books.states == {"succeeded": 4, "unsent": 6}
    assert len(ran.books.requests) == 2


def test_output_that_breaks_over_problems_ends_the_run_too() -> None:
    full = StreamError("failures.jsonl cannot be written: No space left on device")

    def listener(event: Event) -> None:
        if isinstance(event, Settled):
            raise full

    pieces: list[Piece] = [problem(0), *input_of(3, 1)]
    ran = carry_out(RunPlan(Verb.SET), [pieces], ModelService(), listeners=[listener])
    assert ran.error is full
    assert ran.books.states == {"failed": 1, "unsent": 3}


def test_a_target_that_never_answers_is_unreachable() -> None:
    service = ModelService(always(Turn(fault=NO_CONNECTION)))
    plan = RunPlan(Verb.SET, retry=RetryPolicy(retries=2))
    ran = carry_out(plan, [input_of(3)], service)
    assert isinstance(ran.error, TargetError)
    assert "cannot reach the target" in ran.error.message
    assert "UNREACHABLE" in ran.error.message
    assert ran.books.states == {"failed": 3}


def test_a_target_that_answered_once_is_reachable() -> None:
    turns = [Turn(fault=refused(502, "HTTP_502"))]
    service = ModelService(in_turn(*turns, then=Turn(fault=NO_CONNECTION)))
    plan = RunPlan(Verb.SET, retry=RetryPolicy(retries=2))
    ran = carry_out(plan, [input_of(3)], service)
    assert ran.error is None
    assert ran.books.states == {"failed": 3}


def test_failed_checks_count_towards_too_many_failures() -> None:
    plan = RunPlan(Verb.SET, max_failures=3)
    lists: list[Step] = [[problem(place)] for place in range(10)]
    service = ModelService()
    ran = carry_out(plan, lists, service)
    assert isinstance(ran.error, TargetError)
    assert "--max-failures" in ran.error.message
    assert ran.books.states == {"failed": 3}


@pytest.mark.parametrize("limit", [1, 10, 40])
def test_problems_that_are_read_ahead_do_not_count_as_failures(limit: int) -> None:
    pieces: list[Piece] = [record(place, f"k{place}") for place in range(300)]
    pieces += [problem(place) for place in range(300, 1000)]
    ran = carry_out(RunPlan(Verb.SET, max_failures=limit), [pieces], ModelService())
    assert isinstance(ran.error, TargetError)
    assert ran.books.states == {"succeeded": 300, "failed": limit, "unsent": 700 - limit}
    assert ran.books.positions(State.FAILED) == list(range(300, 300 + limit))


def test_problems_below_the_limit_all_settle() -> None:
    pieces: list[Piece] = [
        problem(place) if place % 7 == 0 else record(place, f"k{place % 90}")
        for place in range(1000)
    ]
    ran = carry_out(RunPlan(Verb.SET, max_failures=144), [pieces], ModelService())
    assert ran.error is None
    assert ran.books.states["failed"] == 143
    assert sum(ran.books.states.values()) == 1000


def _waits(ran: Ran) -> set[WaitReason]:
    return {wait.reason for wait in ran.books.waits}


def test_a_wait_for_the_quota_is_an_event_with_its_seconds() -> None:
    plan = RunPlan(Verb.SET, packing=PackingRule(1, 1000), pace=Pace(units_per_minute=2))
    ran = carry_out(plan, [[record(place, f"k{place}") for place in range(6)]], ModelService())
    assert ran.books.states == {"succeeded": 6}
    assert _waits(ran) == {WaitReason.QUOTA}
    assert [wait.wait_seconds for wait in ran.books.waits] == pytest.approx([60, 60], abs=0.5)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(NO_CONNECTION, WaitReason.UNREACHABLE), (BROKEN, WaitReason.FAILING)],
    ids=["unreachable", "failing"],
)
def test_a_wait_for_a_service_that_fails_is_an_event_with_its_reason(
    fault: Fault, reason: WaitReason
) -> None:
    ran = carry_out(RunPlan(Verb.SET), [[record(0)]], ModelService(always(Turn(fault=fault))))
    assert _waits(ran) == {reason}
    assert all(wait.wait_seconds >= 0.5 for wait in ran.books.waits)


def test_a_wait_that_the_service_asks_for_says_so() -> None:
    asks = refused(429, "TOO_MANY_REQUESTS", retry_after_seconds=30.0)
    events: list[Event] = []
    service = ModelService(in_turn(Turn(fault=asks)))
    ran = carry_out(RunPlan(Verb.SET), [[record(0)]], service, listeners=[events.append])
    assert ran.books.states == {"succeeded": 1}
    waits = [event for event in events if isinstance(event, Waiting)]
    assert [(wait.reason, wait.asked_seconds) for wait in waits] == [(WaitReason.THROTTLED, 30.0)]


@pytest.mark.parametrize(
    ("fault", "detail"),
    [
        (
            Fault(FaultKind.UNREACHED, "UNREACHABLE", "h:1: Connection refused"),
            "connection refused",
        ),
        (Fault(FaultKind.TROUBLED, "X", "it is down", 503), "HTTP 503"),
        (Fault(FaultKind.UNANSWERED, "TIMEOUT", "no answer within 30 s"), "no answer within 30 s"),
    ],
    ids=["unreached", "status", "no answer"],
)
def test_a_wait_says_in_a_few_words_what_failed(fault: Fault, detail: str) -> None:
    ran = carry_out(RunPlan(Verb.SET), [[record(0)]], ModelService(always(Turn(fault=fault))))
    assert {wait.detail for wait in ran.books.waits} == {detail}


def test_a_wait_for_retries_alone_has_its_own_reason() -> None:
    one = record(0)
    later = Turn(later={one.identity: "TIMEOUT"})
    ran = carry_out(RunPlan(Verb.SET), [[one]], ModelService(in_turn(*[later] * 7)))
    assert ran.books.states == {"succeeded": 1}
    assert _waits(ran) == {WaitReason.RETRYING}
