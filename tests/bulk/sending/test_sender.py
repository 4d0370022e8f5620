"""The event of a request, expired records and jitter: whole runs on virtual time."""

from random import Random

import pytest

from kvsctl.bulk.plan import RunPlan
from kvsctl.model import State, Verb
from kvsctl.service.faults import Fault
from tests.bulk.sending.runs import input_of, one_batch, plan_of
from tests.support.books import carry_out
from tests.support.records import record
from tests.support.simulated.model_service import (
    BROKEN,
    THROTTLED,
    TIMED_OUT,
    UNREADABLE,
    ModelService,
    Turn,
    in_turn,
)


@pytest.mark.parametrize(
    ("verb", "body_bytes", "units"),
    [(Verb.SET, 9_990, 1), (Verb.SET, 10_001, 2), (Verb.GET, 10_001, 1), (Verb.DELETE, 20_500, 3)],
)
def test_units_follow_the_size_that_is_billed(verb: Verb, body_bytes: int, units: int) -> None:
    one = record(0, body_bytes=body_bytes)
    ran = carry_out(RunPlan(verb), [[one]], ModelService())
    [request] = ran.books.requests
    assert request.units == units
    assert (request.records, request.status, request.verb) == (1, 200, verb)
    assert (request.bytes_sent, request.bytes_received) == (body_bytes + 1, 100)


@pytest.mark.parametrize(
    ("fault", "units"), [(UNREADABLE, 1), (BROKEN, 0), (THROTTLED, 0), (TIMED_OUT, 0)]
)
def test_units_are_those_of_requests_answered_200(fault: Fault, units: int) -> None:
    ran = one_batch(ModelService(in_turn(Turn(fault=fault))))
    assert [request.units for request in ran.books.requests] == [units, 1]


def test_expired_records_are_skipped_unsent() -> None:
    service = ModelService(in_turn(Turn(fault=BROKEN)))
    epoch = 1_767_225_600.0
    past, soon, later = (
        record(place, f"k{place}", expires_at=epoch + seconds)
        for place, seconds in enumerate((0.0, 0.05, 1e6))
    )
    ran = carry_out(plan_of(), [[past, soon, later]], service)
    assert service.sent == [[1, 2], [2]]
    assert ran.books.positions(State.SKIPPED) == [0, 1]
    assert ran.books.outcomes[0].skipped_by == "expired"
    assert ran.books.states == {"skipped": 2, "succeeded": 1}


def test_a_batch_of_expired_records_makes_no_request() -> None:
    service = ModelService()
    ran = carry_out(plan_of(), [[record(0, expires_at=5.0)]], service)
    assert service.requests == []
    assert ran.books.states == {"skipped": 1}


def test_jitter_comes_from_the_given_source() -> None:
    def starts(seed: int) -> list[float]:
        service = ModelService(in_turn(*[Turn(fault=BROKEN)] * 4))
        carry_out(plan_of(), [input_of(3)], service, random=Random(seed))
        return [request.started for request in service.requests]

    assert starts(1) == starts(1)
    assert starts(1) != starts(2)
