"""What happens to each request, in whole runs on virtual time."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from kvsctl.bulk.packing.rule import PackingRule, body_bytes
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.bulk.settling.reconcile import ReadPolicy
from kvsctl.errors import CredentialsError, KvsctlError, StreamError, TargetError
from kvsctl.model import Record, State, Verb
from kvsctl.service.auth.credentials import Secret
from kvsctl.service.client import Answer
from kvsctl.service.faults import Fault, FaultKind
from tests.support.books import Ran, carry_out
from tests.support.examples import examples
from tests.support.records import identity, record
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
from tests.support.simulated.virtual_time import Piece, Step


def _input(count: int) -> list[Piece]:
    return [record(place, f"k{place}") for place in range(count)]


def _plan(**settings: object) -> RunPlan:
    return RunPlan(Verb.SET, **settings)  # type: ignore[arg-type]


def _one_batch(service: ModelService, count: int = 3, **settings: object) -> Ran:
    return carry_out(_plan(**settings), [_input(count)], service)


# Trouble on the way


@pytest.mark.parametrize("fault", [BROKEN, TIMED_OUT, UNREADABLE, NO_CONNECTION, THROTTLED])
def test_a_fault_is_waited_out(fault: Fault) -> None:
    service = ModelService(in_turn(Turn(fault=fault), Turn(fault=fault)))
    ran = _one_batch(service)
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
    ran = _one_batch(service, 2, retry=RetryPolicy(retries=3))
    assert len(service.requests) == 4
    assert [ran.books.code(place) for place in range(2)] == ["SERVICE_UNAVAILABLE"] * 2
    failure = ran.books.outcomes[0].failure
    assert failure is not None
    assert failure.trace_id == "trace"
    assert [one.attempts for one in service.requests[0].records] == [4, 4]


def test_a_429_holds_all_requests_back_for_its_retry_after() -> None:
    asked = refused(429, "TOO_MANY_REQUESTS", retry_after_seconds=40.0)
    service = ModelService(in_turn(Turn(fault=asked)))
    plan = _plan(packing=PackingRule(1, 1000), concurrency=1)
    ran = carry_out(plan, [_input(2)], service)
    assert service.requests[1].started >= 40.1
    [held] = ran.books.throttled
    assert service.requests[1].started == pytest.approx(0.1 + held)
    assert ran.books.states == {"succeeded": 2}


def test_a_5xx_holds_no_other_request_back() -> None:
    asked = refused(503, "SERVICE_UNAVAILABLE", retry_after_seconds=40.0)
    service = ModelService(in_turn(Turn(fault=asked)))
    plan = _plan(packing=PackingRule(1, 1000), concurrency=1)
    ran = carry_out(plan, [_input(2)], service)
    assert service.sent == [[0], [1], [0]]
    assert service.requests[1].started == pytest.approx(0.1)
    assert service.requests[2].started >= 40.1
    assert ran.books.throttled == []


def test_429s_do_not_use_up_the_retries() -> None:
    service = ModelService(in_turn(*[Turn(fault=THROTTLED)] * 5, Turn(fault=BROKEN)))
    ran = _one_batch(service, retry=RetryPolicy(retries=1))
    assert ran.books.states == {"succeeded": 3}
    assert ran.error is None


@pytest.mark.parametrize("retries", [0, 1, 2])
@pytest.mark.parametrize("asked", [None, 0.5, 1.0])
def test_429s_without_end_end_the_run_and_fail_no_record(retries: int, asked: float | None) -> None:
    fault = refused(429, "RATE_LIMIT_EXCEEDED", retry_after_seconds=asked)
    service = ModelService(always(Turn(fault=fault)))
    ran = _one_batch(service, 2, retry=RetryPolicy(retries=retries), patience_seconds=200.0)
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
    ran = _one_batch(service, 2, patience_seconds=10.0)
    assert ran.seconds < 1
    assert isinstance(ran.error, TargetError)
    assert f"asks to wait {asked:,.0f} s" in ran.error.message
    assert "--patience (10 s)" in ran.error.message


def test_an_asked_wait_within_patience_is_obeyed_whole() -> None:
    asked = refused(429, "TOO_MANY_REQUESTS", retry_after_seconds=3600.0)
    ran = _one_batch(ModelService(in_turn(Turn(fault=asked))), 2, patience_seconds=4000.0)
    assert ran.books.states == {"succeeded": 2}
    assert 3600 <= ran.seconds < 3605


def test_a_record_that_is_throttled_again_and_again_fails_where_others_are_not() -> None:
    def script(records: Sequence[Record]) -> Turn:
        return Turn(fault=THROTTLED) if records[0].position == 0 else Turn()

    steps: list[Step] = []
    for one in _input(30):
        steps += [[one], [], 5.0]
    plan = _plan(packing=PackingRule(1, 1000), retry=RetryPolicy(retries=1), concurrency=2)
    ran = carry_out(plan, steps, ModelService(script))
    assert ran.error is None
    assert ran.books.code(0) == "RATE_LIMIT_EXCEEDED"
    assert ran.books.states == {"succeeded": 29, "failed": 1}


@pytest.mark.parametrize("asked", [None, 1.0, 60.0])
def test_a_run_that_is_only_throttled_ends_in_time(asked: float | None) -> None:
    fault = refused(429, "TOO_MANY_REQUESTS", retry_after_seconds=asked)
    service = ModelService(always(Turn(fault=fault)))
    plan = _plan(patience_seconds=300.0)
    ran = carry_out(plan, [_input(5000)], service)
    assert isinstance(ran.error, TargetError)
    assert ran.books.states == {"unsent": 5000}
    assert 300 - (asked or 0) <= ran.seconds <= 301
    assert len(service.requests) < 500


def test_keys_of_one_answer_that_are_put_off_travel_together_again() -> None:
    names = {identity(f"k{place}"): "TIMEOUT" for place in range(5, 20)}
    left_out = frozenset({identity("k2"), identity("k3")})
    service = ModelService(in_turn(Turn(later=names, left_out=left_out)))
    ran = _one_batch(service, 25)
    assert ran.books.states == {"succeeded": 25}
    assert [sorted(sent) for sent in service.sent[1:]] == [[2, 3, *range(5, 20)]]


def test_full_storage_is_explained() -> None:
    full = refused(429, "REQUEST_THROTTLED")
    service = ModelService(always(Turn(fault=full)))
    ran = _one_batch(service, 1, retry=RetryPolicy(retries=2))
    assert len(service.requests) == 3
    assert ran.books.throttled == [], "slowing down does not help"
    assert all(request.is_throttled for request in ran.books.requests), "the report counts it"
    failure = ran.books.outcomes[0].failure
    assert failure is not None
    assert failure.code == "REQUEST_THROTTLED"
    assert "storage may be full" in failure.message


def test_full_storage_of_a_single_key_is_explained() -> None:
    later = {identity("k0"): "REQUEST_THROTTLED"}
    ran = _one_batch(ModelService(always(Turn(later=later))), 2, retry=RetryPolicy(retries=1))
    failure = ran.books.outcomes[0].failure
    assert failure is not None
    assert "storage may be full" in failure.message
    assert ran.books.states == {"succeeded": 1, "failed": 1}


def test_full_storage_is_retried_within_the_budget_and_ends_the_run_that_writes_nothing() -> None:
    service = ModelService(always(Turn(0.01, fault=refused(429, "REQUEST_THROTTLED"))))
    ran = carry_out(_plan(packing=PackingRule(1, 1000)), [_input(20_000)], service)
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
    ran = carry_out(_plan(packing=PackingRule(1, 1000)), [_input(20_000)], service)
    assert isinstance(ran.error, TargetError)
    assert sum(request.is_retry for request in ran.books.requests) <= 100 + ran.seconds
    tried = {request.records[0].attempts for request in service.requests}
    assert 1 in tried, "once the budget is spent, a record fails at its first attempt"


def test_a_service_that_mostly_fails_is_not_hammered() -> None:
    random = Random(5)

    def script(_: Sequence[Record]) -> Turn:
        return Turn(0.01, fault=BROKEN if random.random() < 0.95 else None)

    plan = _plan(
        packing=PackingRule(1, 1000),
        retry=RetryPolicy(retries=1000, base_seconds=0.0),
        give_up_after=10**9,
        concurrency=16,
    )
    service = ModelService(script)
    ran = carry_out(plan, [_input(60)], service)
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
    ran = carry_out(plan, [_input(20)], ModelService(script))
    retries = sum(request.is_retry for request in ran.books.requests)
    assert 200 < retries <= 100 + 1.1 * ran.seconds + 20


def test_while_a_quarter_of_the_requests_succeed_nothing_waits_for_the_budget() -> None:
    turns = ([Turn(0.01, fault=BROKEN)] * 3 + [Turn(0.01)]) * 500
    plan = _plan(packing=PackingRule(1, 1000), retry=RetryPolicy(base_seconds=0.0), concurrency=1)
    ran = carry_out(plan, [_input(500)], ModelService(in_turn(*turns)))
    assert ran.books.states == {"succeeded": 500}
    assert ran.seconds == pytest.approx(2000 * 0.01)


# Answers that leave something open


@pytest.mark.parametrize(("verb", "code"), [(Verb.SET, "NO_ANSWER"), (Verb.GET, "KEY_NOT_FOUND")])
def test_a_record_that_every_answer_leaves_out_fails(verb: Verb, code: str) -> None:
    service = ModelService(always(Turn(left_out=frozenset({identity("k1")}))))
    service.store = {identity(f"k{place}"): place for place in range(3)}
    ran = carry_out(RunPlan(verb), [_input(3)], service)
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
        RunPlan(verb, packing=PackingRule(1, 1000)), [_input(500)], ModelService(_leaves_all_out)
    )
    assert isinstance(ran.error, TargetError)
    assert "20 consecutive answers" in str(ran.error)
    assert "did not name the key" in str(ran.error)
    assert len(ran.books.requests) <= 20 + 8
    assert ran.books.states.get("succeeded") is None


def test_reads_whose_answers_leave_every_key_out_settle_as_not_found() -> None:
    plan = RunPlan(Verb.GET, packing=PackingRule(1, 1000), give_up_after=1)
    ran = carry_out(plan, [_input(200)], ModelService(_leaves_all_out))
    assert ran.error is None
    assert ran.books.states == {"failed": 200}
    assert {ran.books.code(place) for place in range(200)} == {"KEY_NOT_FOUND"}


def test_a_minute_of_answers_that_name_no_key_ends_the_run() -> None:
    plan = _plan(
        packing=PackingRule(1, 1000),
        give_up_after=1000,
        concurrency=1,
        retry=RetryPolicy(base_seconds=20.0),
    )
    ran = carry_out(plan, [_input(2000)], ModelService(_leaves_all_out_slowly))
    assert isinstance(ran.error, TargetError)
    assert 60 <= ran.seconds <= 70


def test_a_record_that_one_answer_leaves_out_is_retried() -> None:
    service = ModelService(in_turn(Turn(left_out=frozenset({identity("k1")}))))
    ran = _one_batch(service)
    assert service.sent == [[0, 1, 2], [1]]
    assert ran.books.states == {"succeeded": 3}
    assert ran.books.settled_at[0] < ran.books.settled_at[1]


def test_being_left_out_once_after_other_trouble_is_not_the_end() -> None:
    left_out = Turn(left_out=frozenset({identity("k1")}))
    service = ModelService(in_turn(*[Turn(fault=BROKEN)] * 4, left_out))
    ran = _one_batch(service)
    assert ran.books.states == {"succeeded": 3}


def test_a_key_that_fails_for_now_is_retried_without_the_others() -> None:
    service = ModelService(in_turn(Turn(later={identity("k0"): "TIMEOUT"})))
    ran = _one_batch(service)
    assert service.sent == [[0, 1, 2], [0]]
    assert ran.books.states == {"succeeded": 3}
    assert not service.requests[0].records[0].ambiguous


def test_a_key_that_always_fails_for_now_fails_with_that_code() -> None:
    service = ModelService(always(Turn(later={identity("k0"): "TIMEOUT"})))
    ran = _one_batch(service, retry=RetryPolicy(retries=2))
    assert service.sent == [[0, 1, 2], [0], [0]]
    assert ran.books.code(0) == "TIMEOUT"
    assert ran.books.states == {"succeeded": 2, "failed": 1}


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("code", ["KEY_NOT_FOUND", "NOT_FOUND"])
def test_deleting_a_key_that_is_gone_succeeds(code: str, verify: bool) -> None:
    service = ModelService(in_turn(Turn(later={identity("k1"): code})))
    ran = carry_out(RunPlan(Verb.DELETE, verify=verify), [_input(3)], service)
    assert ran.books.states == {"succeeded": 3}
    assert ran.error is None


@pytest.mark.parametrize("verify", [False, True])
def test_a_delete_refused_as_a_whole_because_a_key_is_gone_succeeds(verify: bool) -> None:
    def script(records: Sequence[Record]) -> Turn:
        is_gone = any(one.position == 1 for one in records)
        return Turn(fault=refused(404, "KEY_NOT_FOUND")) if is_gone else Turn()

    ran = carry_out(RunPlan(Verb.DELETE, verify=verify), [_input(3)], ModelService(script))
    assert ran.books.states == {"succeeded": 3}
    assert ran.error is None


def test_deleting_nothing_but_keys_that_are_gone_is_progress() -> None:
    service = ModelService(always(Turn(fault=refused(404, "KEY_NOT_FOUND"))))
    plan = RunPlan(Verb.DELETE, give_up_after=1, packing=PackingRule(1, 1000))
    ran = carry_out(plan, [_input(200)], service)
    assert ran.error is None
    assert ran.books.states == {"succeeded": 200}


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "NOT_FOUND"), (404, "SCHEMA_NOT_FOUND"), (404, "HTTP_404"), (400, "KEY_NOT_FOUND")],
)
def test_any_other_refusal_of_a_whole_delete_fails(status: int, code: str, verify: bool) -> None:
    service = ModelService(always(Turn(fault=refused(status, code))))
    ran = carry_out(RunPlan(Verb.DELETE, verify=verify), [_input(2)], service)
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
    assert carry_out(plan, [_input(2)], ModelService(in_turn(*turns))).books.states == states


@pytest.mark.parametrize(
    ("code", "states"), [("NOT_FOUND", {"failed": 2}), ("KEY_NOT_FOUND", {"skipped": 2})]
)
def test_only_a_missing_key_is_ignored_in_a_refused_get(code: str, states: dict[str, int]) -> None:
    service = ModelService(always(Turn(fault=refused(404, code))))
    plan = RunPlan(Verb.GET, read_policy=ReadPolicy(ignore_missing=True))
    assert carry_out(plan, [_input(2)], service).books.states == states


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
    first, second, third = _input(3)
    # While the third record's 429 holds everyone, the first and the second become due together.
    steps: list[Step] = [[first], [], 1.5, [second], [], 0.1, [third], []]
    plan = _plan(retry=RetryPolicy(retries=2, base_seconds=0.0), concurrency=3)
    ran = carry_out(plan, steps, service)
    assert [0, 1] in service.sent
    assert ran.books.code(0) == "SERVICE_UNAVAILABLE"
    assert ran.books.positions(State.SUCCEEDED) == [1, 2]


# Batches that are refused whole


def test_the_guilty_records_are_found_and_fail_alone() -> None:
    poison = frozenset(identity(f"k{place}") for place in (3, 17))
    service = ModelService(poison=poison)
    ran = _one_batch(service, 25)
    assert ran.books.positions(State.FAILED) == [3, 17]
    assert {ran.books.code(3), ran.books.code(17)} == {"INVALID_KEY"}
    assert ran.books.states == {"succeeded": 23, "failed": 2}
    assert len(service.requests) <= 1 + 2 * 2 * 5
    assert not any(one.ambiguous for one in service.requests[0].records)


def test_seven_poison_records_in_thousands_cost_few_requests() -> None:
    poison = frozenset(identity(f"k{place}") for place in range(11, 5000, 701))
    assert len(poison) == 8
    service = ModelService(poison=poison - {identity("k11")})
    ran = carry_out(_plan(), [_input(5000)], service)
    assert ran.books.states == {"succeeded": 4993, "failed": 7}
    assert ran.error is None
    assert len(service.requests) < 200 + 100


def test_the_parts_of_a_refused_batch_do_not_count_towards_giving_up() -> None:
    poison = frozenset(identity(f"k{place}") for place in range(8))
    ran = _one_batch(ModelService(poison=poison), 8, give_up_after=2)
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
    ran = _one_batch(service, 16, retry=RetryPolicy(retries=2))
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
    ran = carry_out(_plan(), [pieces], service)
    assert ran.error is None
    assert ran.books.positions(State.FAILED) == sorted(places)
    assert len(service.requests) < 200 + 100
    assert ran.books.states == {"succeeded": 4993, "failed": 7}


def test_poison_in_every_batch_that_is_away_does_not_end_the_run() -> None:
    pieces: list[Piece] = [record(n, f"k{n}" + "!" * (n % 10 == 0)) for n in range(1000)]
    service = ModelService(
        lambda records: Turn(fault=refused(400, "BAD") if _guilty(records) else None)
    )
    ran = carry_out(_plan(packing=PackingRule(10, 10_000), concurrency=100), [pieces], service)
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
    ran = carry_out(_plan(packing=PackingRule(batch_size, 10_000)), [_input(60_000)], service)
    assert isinstance(ran.error, TargetError)
    assert "SCHEMA_NOT_FOUND" in ran.error.message
    assert len(service.requests) <= 1000 + 8
    assert set(ran.books.states) == {"failed", "unsent"}


def test_a_read_of_keys_that_do_not_exist_is_not_given_up() -> None:
    ran = carry_out(
        RunPlan(Verb.GET, packing=PackingRule(1, 1000), give_up_after=1),
        [_input(300)],
        ModelService(),
    )
    assert ran.error is None
    assert ran.books.states == {"failed": 300}


# Requests that are too large


def _limited(limit: int, fault: Fault) -> ModelService:
    return ModelService(lambda records: Turn(fault=fault if body_bytes(records) > limit else None))


@pytest.mark.parametrize(
    "fault",
    [refused(413, "PAYLOAD_TOO_LARGE"), refused(413, "HTTP_413"), refused(400, "PAYLOAD_LIMIT")],
)
def test_a_lower_payload_limit_is_learnt_once(fault: Fault) -> None:
    pieces: list[Piece] = [record(n, f"k{n}", body_bytes=150_000) for n in range(400)]
    service = _limited(1_000_000, fault)
    ran = carry_out(_plan(concurrency=8, window_bytes=32_000_000), [pieces], service)
    assert ran.error is None
    assert ran.books.states == {"succeeded": 400}
    refusals = [request for request in ran.books.requests if request.status != 200]
    assert len(refusals) == 8, "those that were away; none was sent too large after that"
    assert len(service.requests) <= 8 + -(-400 // 6) + 8 * 2


def test_a_payload_limit_without_a_code_is_learnt_from_what_passes() -> None:
    pieces: list[Piece] = [record(n, f"k{n}", body_bytes=150_000) for n in range(400)]
    service = _limited(1_000_000, refused(400, "SOMETHING"))
    ran = carry_out(_plan(concurrency=4), [pieces], service)
    assert ran.books.states == {"succeeded": 400}
    refusals = [request for request in ran.books.requests if request.status != 200]
    assert len(refusals) <= 4 * 7
    assert all(body_bytes(request.records) <= 1_000_000 for request in service.requests[40:])


def test_many_batches_too_large_at_once_do_not_end_the_run() -> None:
    pieces: list[Piece] = [record(n, f"k{n}", body_bytes=150_000) for n in range(2000)]
    service = _limited(1_000_000, refused(413, "HTTP_413"))
    ran = carry_out(_plan(concurrency=64), [pieces], service)
    assert ran.error is None
    assert ran.books.states == {"succeeded": 2000}


def test_a_lower_count_is_learnt_once() -> None:
    many = refused(400, "TOO_MANY_BATCH_ENTITIES")
    service = ModelService(lambda records: Turn(fault=many if len(records) > 12 else None))
    ran = carry_out(_plan(concurrency=8), [_input(1000)], service)
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
    ran = carry_out(_plan(concurrency=2), [pieces], service)
    assert ran.books.states == {"succeeded": 50}
    assert sum(request.status == 413 for request in ran.books.requests) == 1


# Credentials


def test_one_renewal_serves_all_requests_in_flight() -> None:
    service = ModelService(renewals=5)
    service.revoked.add(service.token)
    plan = _plan(packing=PackingRule(2, 1000), concurrency=4)
    ran = carry_out(plan, [_input(12)], service)
    assert service.renewals == 1
    assert ran.error is None
    assert ran.books.states == {"succeeded": 12}
    assert not any(one.ambiguous for request in service.requests for one in request.records)


def test_a_token_that_expires_on_the_way_loses_nothing() -> None:
    service = ModelService(renewals=1)

    def expire(_: object) -> None:
        service.revoked.add(service.token)

    plan = _plan(packing=PackingRule(2, 1000), concurrency=3, retry=RetryPolicy(retries=0))
    ran = carry_out(plan, [_input(20)], service, moments=[(0.16, expire)])
    assert service.renewals == 1
    assert ran.error is None
    assert ran.books.states == {"succeeded": 20}


def test_a_fourth_refusal_in_spite_of_new_tokens_ends_the_run() -> None:
    service = ModelService(always(Turn(fault=refused(401, "UNAUTHORIZED"))), renewals=9)
    ran = _one_batch(service)
    assert isinstance(ran.error, CredentialsError)
    assert service.renewals == 3
    assert len(service.requests) == 4
    assert ran.books.states == {"unsent": 3}


def test_a_batch_may_outlive_more_tokens_than_that_if_they_were_taken_in_between() -> None:
    turns = [Turn(fault=refused(401, "UNAUTHORIZED")), Turn(fault=THROTTLED)] * 6
    service = ModelService(in_turn(*turns), renewals=9)
    ran = _one_batch(service)
    assert ran.error is None
    assert ran.books.states == {"succeeded": 3}
    assert service.renewals == 6


def test_a_run_without_another_token_ends() -> None:
    service = ModelService()
    service.revoked.add(service.token)
    ran = _one_batch(service)
    assert isinstance(ran.error, CredentialsError)
    assert "trace" in ran.error.message
    assert ran.error.hint is not None
    assert len(service.requests) == 1
    assert ran.books.states == {"unsent": 3}


class _NoToken(ModelService):
    """A service whose token source fails, at once or when it is asked again."""

    def __init__(self, *, when: str) -> None:
        super().__init__()
        self.when = when
        if when == "renew":
            self.revoked.add(self.token)

    async def prepare(self) -> None:
        if self.when == "prepare":
            raise CredentialsError("the token command ended with exit code 1")

    async def renew(self, refused: Secret | None) -> bool:
        raise CredentialsError("the token command ended with exit code 1")


class _FullDisk(ModelService):
    """An embedded target that finds no room for its second request and for any later one."""

    async def call(self, verb: Verb, records: Sequence[Record]) -> Answer:
        if self.requests:
            raise StreamError("the database kvs.db cannot be used: database or disk is full")
        return await super().call(verb, records)


def test_a_disk_that_fails_under_the_target_ends_the_run_without_a_retry() -> None:
    service = _FullDisk()
    plan = _plan(concurrency=1, packing=PackingRule(2, 4_000_000))
    ran = carry_out(plan, [_input(6)], service)
    assert isinstance(ran.error, StreamError)
    assert "disk is full" in ran.error.message
    assert ran.books.states == {"succeeded": 2, "unsent": 4}
    assert service.sent == [[0, 1]]
    assert not any(
        isinstance(one.subject, Record) and one.subject.ambiguous
        for one in ran.books.outcomes.values()
    )


@pytest.mark.parametrize("when", ["prepare", "renew"])
def test_the_error_of_a_token_source_ends_the_run(when: str) -> None:
    ran = carry_out(_plan(), [_input(3)], _NoToken(when=when))
    assert isinstance(ran.error, CredentialsError)
    assert ran.error.message == "the token command ended with exit code 1"
    assert ran.books.states == {"unsent": 3}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (refused(403, "FORBIDDEN"), CredentialsError),
        (refused(302, "HTTP_302"), TargetError),
        (Fault(FaultKind.MISDIRECTED, "UNREACHABLE", "no such protocol"), TargetError),
    ],
)
def test_a_fault_that_no_request_can_cure_ends_the_run(
    fault: Fault, error: type[KvsctlError]
) -> None:
    service = ModelService(in_turn(Turn(), then=Turn(fault=fault)))
    plan = _plan(packing=PackingRule(2, 1000), concurrency=1)
    ran = carry_out(plan, [_input(6)], service)
    assert isinstance(ran.error, error)
    assert fault.code in ran.error.message
    assert len(service.requests) == 2
    assert ran.books.states == {"succeeded": 2, "unsent": 4}


def test_records_of_a_success_status_other_than_200_are_unknown() -> None:
    service = ModelService(always(Turn(fault=refused(202, "HTTP_202"))))
    ran = carry_out(_plan(packing=PackingRule(2, 1000), concurrency=1), [_input(6)], service)
    assert isinstance(ran.error, TargetError)
    assert ran.books.states == {"unknown": 2, "unsent": 4}


# Giving up


def test_a_service_that_only_fails_is_given_up() -> None:
    service = ModelService(always(Turn(fault=BROKEN)))
    plan = _plan(packing=PackingRule(1, 1000), concurrency=1, give_up_after=5)
    ran = carry_out(plan, [_input(50)], service)
    assert isinstance(ran.error, TargetError)
    assert "gave up after 5 consecutive failed requests" in ran.error.message
    assert len(service.requests) == 5
    states = ran.books.states
    assert states["unknown"] == len({tuple(sent) for sent in service.sent})
    assert states["unknown"] + states["unsent"] == 50


@pytest.mark.parametrize("fault", [NO_CONNECTION, TIMED_OUT])
def test_an_outage_of_a_few_seconds_ends_no_run_however_many_requests_it_hits(
    fault: Fault,
) -> None:
    def script(_: Sequence[Record]) -> Turn:
        is_out = 1.0 <= asyncio.get_running_loop().time() < 4.0
        return Turn(0.01, fault=fault if is_out else None)

    service = ModelService(script)
    plan = _plan(packing=PackingRule(1, 1000), concurrency=64)
    ran = carry_out(plan, [_input(20_000)], service)
    assert ran.error is None
    assert ran.books.states == {"succeeded": 20_000}
    failed = [request for request in ran.books.requests if request.status is None]
    assert 64 <= len(failed) < 64 * 12, "what is not there is not hammered"
    assert ran.seconds < 20_000 / 700 + 10


def test_a_target_that_is_not_there_is_given_up_after_some_tries() -> None:
    service = ModelService(always(Turn(0.001, fault=NO_CONNECTION)))
    plan = _plan(packing=PackingRule(1, 1000), concurrency=64)
    ran = carry_out(plan, [_input(1000)], service)
    assert isinstance(ran.error, TargetError)
    assert 5 < ran.seconds < 40
    assert ran.books.states == {"unsent": 1000}


def test_one_answer_begins_the_count_anew() -> None:
    turns = [Turn(fault=BROKEN), Turn(fault=BROKEN), Turn()] * 5
    service = ModelService(in_turn(*turns))
    plan = _plan(packing=PackingRule(1, 1000), concurrency=1, give_up_after=3)
    ran = carry_out(plan, [_input(20)], service)
    assert ran.error is None
    assert ran.books.states == {"succeeded": 20}


def test_too_many_failed_records_end_the_run() -> None:
    service = ModelService(poison=frozenset(identity(f"k{place}") for place in range(50)))
    plan = _plan(packing=PackingRule(1, 1000), concurrency=1, max_failures=4)
    ran = carry_out(plan, [_input(50)], service)
    assert isinstance(ran.error, TargetError)
    assert "--max-failures" in ran.error.message
    assert ran.books.states == {"failed": 4, "unsent": 46}


def test_a_run_without_failures_does_not_reach_a_bound_of_0() -> None:
    ran = _one_batch(ModelService(), 30, max_failures=0)
    assert ran.error is None
    assert ran.books.states == {"succeeded": 30}


# The event of a request


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
    ran = _one_batch(ModelService(in_turn(Turn(fault=fault))))
    assert [request.units for request in ran.books.requests] == [units, 1]


# Expiry


def test_expired_records_are_skipped_unsent() -> None:
    service = ModelService(in_turn(Turn(fault=BROKEN)))
    epoch = 1_767_225_600.0
    past, soon, later = (
        record(place, f"k{place}", expires_at=epoch + seconds)
        for place, seconds in enumerate((0.0, 0.05, 1e6))
    )
    ran = carry_out(_plan(), [[past, soon, later]], service)
    assert service.sent == [[1, 2], [2]]
    assert ran.books.positions(State.SKIPPED) == [0, 1]
    assert ran.books.outcomes[0].skipped_by == "expired"
    assert ran.books.states == {"skipped": 2, "succeeded": 1}


def test_a_batch_of_expired_records_makes_no_request() -> None:
    service = ModelService()
    ran = carry_out(_plan(), [[record(0, expires_at=5.0)]], service)
    assert service.requests == []
    assert ran.books.states == {"skipped": 1}


def test_jitter_comes_from_the_given_source() -> None:
    def starts(seed: int) -> list[float]:
        service = ModelService(in_turn(*[Turn(fault=BROKEN)] * 4))
        carry_out(_plan(), [_input(3)], service, random=Random(seed))
        return [request.started for request in service.requests]

    assert starts(1) == starts(1)
    assert starts(1) != starts(2)
