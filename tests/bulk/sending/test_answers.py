"""Answers that leave something open, and refusals that answer: whole runs on virtual time."""

from collections.abc import Sequence

import pytest

from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.bulk.settling.reconcile import ReadPolicy
from kvsctl.errors import TargetError
from kvsctl.model import Record, State, Verb
from tests.bulk.sending.runs import input_of, one_batch, plan_of
from tests.support.books import carry_out
from tests.support.records import identity
from tests.support.simulated.model_service import (
    BROKEN,
    ModelService,
    Turn,
    always,
    in_turn,
    refused,
)
from tests.support.simulated.virtual_time import Step


@pytest.mark.parametrize(("verb", "code"), [(Verb.SET, "NO_ANSWER"), (Verb.GET, "KEY_NOT_FOUND")])
def test_a_record_that_every_answer_leaves_out_fails(verb: Verb, code: str) -> None:
    service = ModelService(always(Turn(left_out=frozenset({identity("k1")}))))
    service.store = {identity(f"k{place}"): place for place in range(3)}
    ran = carry_out(RunPlan(verb), [input_of(3)], service)
    assert service.sent == [[0, 1, 2], [1], [1], [1]]
    assert ran.books.positions(State.FAILED) == [1]
    assert ran.books.code(1) == code
    assert [ran.books.outcomes[place].subject for place in range(3)] == service.requests[0].records
    ambiguous = [one.ambiguous for one in service.requests[0].records]
    assert ambiguous == [False, verb is Verb.SET, False]


def _leaves_all_out(records: Sequence[Record]) -> Turn:
    return Turn(0.01, left_out=frozenset(one.identity for one in records))


def _leaves_all_out_slowly(records: Sequence[Record]) -> Turn:
    return Turn(1.0, left_out=frozenset(one.identity for one in records))


@pytest.mark.parametrize("verb", [Verb.SET, Verb.DELETE])
def test_a_write_whose_answers_leave_every_key_out_ends_the_run(verb: Verb) -> None:
    ran = carry_out(
        RunPlan(verb, packing=PackingRule(1, 1000)), [input_of(500)], ModelService(_leaves_all_out)
    )
    assert isinstance(ran.error, TargetError)
    assert "20 consecutive answers" in str(ran.error)
    assert "did not name the key" in str(ran.error)
    assert len(ran.books.requests) <= 20 + 8
    assert ran.books.states.get("succeeded") is None


def test_reads_whose_answers_leave_every_key_out_settle_as_not_found() -> None:
    plan = RunPlan(Verb.GET, packing=PackingRule(1, 1000), give_up_after=1)
    ran = carry_out(plan, [input_of(200)], ModelService(_leaves_all_out))
    assert ran.error is None
    assert ran.books.states == {"failed": 200}
    assert {ran.books.code(place) for place in range(200)} == {"KEY_NOT_FOUND"}


def test_a_minute_of_answers_that_name_no_key_ends_the_run() -> None:
    plan = plan_of(
        packing=PackingRule(1, 1000),
        give_up_after=1000,
        concurrency=1,
        retry=RetryPolicy(base_seconds=20.0),
    )
    ran = carry_out(plan, [input_of(2000)], ModelService(_leaves_all_out_slowly))
    assert isinstance(ran.error, TargetError)
    assert 60 <= ran.seconds <= 70


def test_a_record_that_one_answer_leaves_out_is_retried() -> None:
    service = ModelService(in_turn(Turn(left_out=frozenset({identity("k1")}))))
    ran = one_batch(service)
    assert service.sent == [[0, 1, 2], [1]]
    assert ran.books.states == {"succeeded": 3}
    assert ran.books.settled_at[0] < ran.books.settled_at[1]


def test_being_left_out_once_after_other_trouble_is_not_the_end() -> None:
    left_out = Turn(left_out=frozenset({identity("k1")}))
    service = ModelService(in_turn(*[Turn(fault=BROKEN)] * 4, left_out))
    ran = one_batch(service)
    assert ran.books.states == {"succeeded": 3}


def test_a_key_that_fails_for_now_is_retried_without_the_others() -> None:
    service = ModelService(in_turn(Turn(later={identity("k0"): "TIMEOUT"})))
    ran = one_batch(service)
    assert service.sent == [[0, 1, 2], [0]]
    assert ran.books.states == {"succeeded": 3}
    assert not service.requests[0].records[0].ambiguous


def test_a_key_that_always_fails_for_now_fails_with_that_code() -> None:
    service = ModelService(always(Turn(later={identity("k0"): "TIMEOUT"})))
    ran = one_batch(service, retry=RetryPolicy(retries=2))
    assert service.sent == [[0, 1, 2], [0], [0]]
    assert ran.books.code(0) == "TIMEOUT"
    assert ran.books.states == {"succeeded": 2, "failed": 1}


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("code", ["KEY_NOT_FOUND", "NOT_FOUND"])
def test_deleting_a_key_that_is_gone_succeeds(code: str, verify: bool) -> None:
    service = ModelService(in_turn(Turn(later={identity("k1"): code})))
    ran = carry_out(RunPlan(Verb.DELETE, verify=verify), [input_of(3)], service)
    assert ran.books.states == {"succeeded": 3}
    assert ran.error is None


@pytest.mark.parametrize("verify", [False, True])
def test_a_delete_refused_as_a_whole_because_a_key_is_gone_succeeds(verify: bool) -> None:
    def script(records: Sequence[Record]) -> Turn:
        is_gone = any(one.position == 1 for one in records)
        return Turn(fault=refused(404, "KEY_NOT_FOUND")) if is_gone else Turn()

    ran = carry_out(RunPlan(Verb.DELETE, verify=verify), [input_of(3)], ModelService(script))
    assert ran.books.states == {"succeeded": 3}
    assert ran.error is None


def test_deleting_nothing_but_keys_that_are_gone_is_progress() -> None:
    service = ModelService(always(Turn(fault=refused(404, "KEY_NOT_FOUND"))))
    plan = RunPlan(Verb.DELETE, give_up_after=1, packing=PackingRule(1, 1000))
    ran = carry_out(plan, [input_of(200)], service)
    assert ran.error is None
    assert ran.books.states == {"succeeded": 200}


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "NOT_FOUND"), (404, "SCHEMA_NOT_FOUND"), (404, "HTTP_404"), (400, "KEY_NOT_FOUND")],
)
def test_any_other_refusal_of_a_whole_delete_fails(status: int, code: str, verify: bool) -> None:
    service = ModelService(always(Turn(fault=refused(status, code))))
    ran = carry_out(RunPlan(Verb.DELETE, verify=verify), [input_of(2)], service)
    assert ran.books.states == {"failed": 2}
    assert ran.books.code(0) == code


@pytest.mark.parametrize(
    ("code", "states"), [("NOT_FOUND", {"failed": 2}), ("KEY_NOT_FOUND", {"succeeded": 2})]
)
def test_a_read_back_refused_as_a_whole_proves_only_a_missing_key(
    code: str, states: dict[str, int]
) -> None:
    turns = [Turn(), *[Turn(fault=refused(404, code))] * 10]
    plan = RunPlan(Verb.DELETE, verify=True)
    assert carry_out(plan, [input_of(2)], ModelService(in_turn(*turns))).books.states == states


@pytest.mark.parametrize(
    ("code", "states"), [("NOT_FOUND", {"failed": 2}), ("KEY_NOT_FOUND", {"skipped": 2})]
)
def test_only_a_missing_key_is_ignored_in_a_refused_get(code: str, states: dict[str, int]) -> None:
    service = ModelService(always(Turn(fault=refused(404, code))))
    plan = RunPlan(Verb.GET, read_policy=ReadPolicy(ignore_missing=True))
    assert carry_out(plan, [input_of(2)], service).books.states == states


def test_a_record_that_joins_tired_ones_keeps_its_own_retries() -> None:
    def script(records: Sequence[Record]) -> Turn:
        match [one.position for one in records]:
            case [0] if records[0].attempts < 3:
                return Turn(1.0, later={identity("k0"): "TIMEOUT"})
            case [1] if records[0].attempts < 2:
                return Turn(0.5, later={identity("k1"): "TIMEOUT"})
            case [2] if records[0].attempts < 2:
                return Turn(0.2, fault=refused(429, "RATE", retry_after_seconds=10.0))
            case [0, 1]:
                return Turn(fault=BROKEN)
        return Turn()

    service = ModelService(script)
    first, second, third = input_of(3)
    # While the third record's 429 holds everyone, the first and the second become due together.
    steps: list[Step] = [[first], [], 1.5, [second], [], 0.1, [third], []]
    plan = plan_of(retry=RetryPolicy(retries=2, base_seconds=0.0), concurrency=3)
    ran = carry_out(plan, steps, service)
    assert [0, 1] in service.sent
    assert ran.books.code(0) == "SERVICE_UNAVAILABLE"
    assert ran.books.positions(State.SUCCEEDED) == [1, 2]
