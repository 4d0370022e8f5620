"""Writes that wait until the target has shown that it is not a bridge."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from kvsctl.bulk.pacing.pace import Pace
from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.model import Record, State, Verb
from kvsctl.service.bridges import Lookout, UndescribedBridge
from kvsctl.service.client import Answer, AskFirst
from kvsctl.service.faults import Fault
from kvsctl.service.transport.carrier import CarrierAnswer
from tests.bulk.sending.runs import input_of, plan_of
from tests.support.books import Ran, carry_out
from tests.support.records import record
from tests.support.simulated.model_service import (
    BROKEN,
    THROTTLED,
    TIMED_OUT,
    ModelService,
    Script,
    Turn,
    always,
    in_turn,
)

_QUESTION = record(99, "kvsctl-bridge")


class Wary(ModelService):
    """Holds each write back until a read was answered. `headers`: those of that answer."""

    def __init__(self, script: Script = always(Turn()), **headers: str) -> None:  # noqa: B008
        super().__init__(script)
        self.lookout = Lookout("it")
        self.headers = headers

    async def call(self, verb: Verb, records: Sequence[Record]) -> Answer:
        self.lookout.require_none()
        if verb is not Verb.GET and not self.lookout.is_cleared:
            raise AskFirst(self.lookout, self.ask)
        return await super().call(verb, records)

    async def ask(self) -> Answer:
        answer = await super().call(Verb.GET, [_QUESTION])
        if answer.status is not None:
            named = {name.replace("_", "-"): value for name, value in self.headers.items()}
            self.lookout.note(CarrierAnswer(answer.status, named, b""))
        self.lookout.require_none()
        return answer


def _singles(**settings: object) -> RunPlan:
    return plan_of(packing=PackingRule(1, 1000), concurrency=4, **settings)


def _records(count: int) -> list[Record]:
    return [record(place, f"k{place}") for place in range(count)]


def _failures(ran: Ran) -> set[str]:
    return {one.failure.code for one in ran.books.outcomes.values() if one.failure is not None}


def test_all_writes_wait_for_one_question() -> None:
    service = Wary()
    ran = carry_out(_singles(), [input_of(8)], service)
    assert ran.books.states == {"succeeded": 8}
    assert service.sent[0] == [99]
    assert sorted(service.sent[1:]) == [[place] for place in range(8)]


def test_the_question_is_counted_and_no_write_counts_as_a_retry() -> None:
    records = _records(8)
    ran = carry_out(_singles(), [[*records]], Wary())
    assert [one.verb for one in ran.books.requests] == [Verb.GET, *[Verb.SET] * 8]
    assert [one.records for one in ran.books.requests] == [1] * 9
    assert not any(one.is_retry for one in ran.books.requests)
    assert {one.attempts for one in records} == {1}


def test_the_question_is_paced() -> None:
    service = Wary()
    carry_out(_singles(pace=Pace(requests_per_second=1)), [input_of(3)], service)
    starts = [one.started for one in service.requests]
    assert all(later - sooner >= 1 for sooner, later in pairwise(starts))
    assert len(starts) == 4


@pytest.mark.parametrize("fault", [TIMED_OUT, BROKEN])
def test_a_question_that_fails_fails_once_for_all_that_wait(fault: Fault) -> None:
    """The writes were not sent, so none of them may have been applied."""
    service = Wary(always(Turn(2.0, fault)))
    records = _records(4)
    ran = carry_out(_singles(retry=RetryPolicy(retries=0)), [[*records]], service)
    assert service.sent == [[99]]
    assert len(ran.books.requests) == 1
    assert ran.books.states == {"failed": 4}
    assert _failures(ran) == {"UNREACHABLE"}
    assert set(ran.books.settled_at.values()) == {2.0}
    assert not any(one.ambiguous for one in records)


@pytest.mark.parametrize("fault", [TIMED_OUT, BROKEN, THROTTLED])
def test_the_question_is_asked_again_for_retries(fault: Fault) -> None:
    service = Wary(in_turn(Turn(fault=fault)))
    records = _records(4)
    ran = carry_out(_singles(), [[*records]], service)
    assert ran.books.states == {"succeeded": 4}
    assert service.sent[:2] == [[99], [99]]
    assert not any(one.ambiguous for one in records)


def test_a_throttled_question_holds_the_run_back() -> None:
    ran = carry_out(_singles(), [input_of(4)], Wary(in_turn(Turn(fault=THROTTLED))))
    assert len([one for one in ran.books.requests if one.is_throttled]) == 1


def test_what_waits_for_the_question_is_unsent_when_the_run_is_cut_off() -> None:
    service = Wary(always(Turn(60.0)))
    ran = carry_out(_singles(), [input_of(4)], service, moments=[(1.0, lambda run: run.abort())])
    assert ran.books.positions(State.UNSENT) == [0, 1, 2, 3]


def test_nothing_is_written_to_what_shows_that_it_is_a_bridge() -> None:
    service = Wary(x_kvsctl_installation="i")
    ran = carry_out(_singles(), [input_of(4)], service)
    assert isinstance(ran.error, UndescribedBridge)
    assert service.sent == [[99]]
    assert ran.books.positions(State.UNSENT) == [0, 1, 2, 3]
