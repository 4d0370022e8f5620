"""What ends a run early: credentials, faults that no retry cures, too many failures."""

import asyncio
from collections.abc import Sequence

import pytest

from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.errors import CredentialsError, KvsctlError, StreamError, TargetError
from kvsctl.model import Record, Verb
from kvsctl.service.auth.credentials import Secret
from kvsctl.service.client import Answer
from kvsctl.service.faults import Fault, FaultKind
from tests.bulk.sending.runs import input_of, one_batch, plan_of
from tests.support.books import carry_out
from tests.support.records import identity
from tests.support.simulated.model_service import (
    BROKEN,
    NO_CONNECTION,
    THROTTLED,
    TIMED_OUT,
    ModelService,
    Turn,
    always,
    in_turn,
    refused,
)


def test_one_renewal_serves_all_requests_in_flight() -> None:
    service = ModelService(renewals=5)
    service.revoked.add(service.token)
    plan = plan_of(packing=PackingRule(2, 1000), concurrency=4)
    ran = carry_out(plan, [input_of(12)], service)
    assert service.renewals == 1
    assert ran.error is None
    assert ran.books.states == {"succeeded": 12}
    assert not any(one.ambiguous for request in service.requests for one in request.records)


def test_a_token_that_expires_on_the_way_loses_nothing() -> None:
    service = ModelService(renewals=1)

    def expire(_: object) -> None:
        service.revoked.add(service.token)

    plan = plan_of(packing=PackingRule(2, 1000), concurrency=3, retry=RetryPolicy(retries=0))
    ran = carry_out(plan, [input_of(20)], service, moments=[(0.16, expire)])
    assert service.renewals == 1
    assert ran.error is None
    assert ran.books.states == {"succeeded": 20}


def test_a_fourth_refusal_in_spite_of_new_tokens_ends_the_run() -> None:
    service = ModelService(always(Turn(fault=refused(401, "UNAUTHORIZED"))), renewals=9)
    ran = one_batch(service)
    assert isinstance(ran.error, CredentialsError)
    assert service.renewals == 3
    assert len(service.requests) == 4
    assert ran.books.states == {"unsent": 3}


def test_a_batch_may_outlive_more_tokens_than_that_if_they_were_taken_in_between() -> None:
    turns = [Turn(fault=refused(401, "UNAUTHORIZED")), Turn(fault=THROTTLED)] * 6
    service = ModelService(in_turn(*turns), renewals=9)
    ran = one_batch(service)
    assert ran.error is None
    assert ran.books.states == {"succeeded": 3}
    assert service.renewals == 6


def test_a_run_without_another_token_ends() -> None:
    service = ModelService()
    service.revoked.add(service.token)
    ran = one_batch(service)
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
    plan = plan_of(concurrency=1, packing=PackingRule(2, 4_000_000))
    ran = carry_out(plan, [input_of(6)], service)
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
    ran = carry_out(plan_of(), [input_of(3)], _NoToken(when=when))
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
    plan = plan_of(packing=PackingRule(2, 1000), concurrency=1)
    ran = carry_out(plan, [input_of(6)], service)
    assert isinstance(ran.error, error)
    assert fault.code in ran.error.message
    assert len(service.requests) == 2
    assert ran.books.states == {"succeeded": 2, "unsent": 4}


def test_records_of_a_success_status_other_than_200_are_unknown() -> None:
    service = ModelService(always(Turn(fault=refused(202, "HTTP_202"))))
    ran = carry_out(plan_of(packing=PackingRule(2, 1000), concurrency=1), [input_of(6)], service)
    assert isinstance(ran.error, TargetError)
    assert ran.books.states == {"unknown": 2, "unsent": 4}


def test_a_service_that_only_fails_is_given_up() -> None:
    service = ModelService(always(Turn(fault=BROKEN)))
    plan = plan_of(packing=PackingRule(1, 1000), concurrency=1, give_up_after=5)
    ran = carry_out(plan, [input_of(50)], service)
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
    plan = plan_of(packing=PackingRule(1, 1000), concurrency=64)
    ran = carry_out(plan, [input_of(20_000)], service)
    assert ran.error is None
    assert ran.books.states == {"succeeded": 20_000}
    failed = [request for request in ran.books.requests if request.status is None]
    assert 64 <= len(failed) < 64 * 12, "what is not there is not hammered"
    assert ran.seconds < 20_000 / 700 + 10


def test_a_target_that_is_not_there_is_given_up_after_some_tries() -> None:
    service = ModelService(always(Turn(0.001, fault=NO_CONNECTION)))
    plan = plan_of(packing=PackingRule(1, 1000), concurrency=64)
    ran = carry_out(plan, [input_of(1000)], service)
    assert isinstance(ran.error, TargetError)
    assert 5 < ran.seconds < 40
    assert ran.books.states == {"unsent": 1000}


def test_one_answer_begins_the_count_anew() -> None:
    turns = [Turn(fault=BROKEN), Turn(fault=BROKEN), Turn()] * 5
    service = ModelService(in_turn(*turns))
    plan = plan_of(packing=PackingRule(1, 1000), concurrency=1, give_up_after=3)
    ran = carry_out(plan, [input_of(20)], service)
    assert ran.error is None
    assert ran.books.states == {"succeeded": 20}


def test_too_many_failed_records_end_the_run() -> None:
    service = ModelService(poison=frozenset(identity(f"k{place}") for place in range(50)))
    plan = plan_of(packing=PackingRule(1, 1000), concurrency=1, max_failures=4)
    ran = carry_out(plan, [input_of(50)], service)
    assert isinstance(ran.error, TargetError)
    assert "--max-failures" in ran.error.message
    assert ran.books.states == {"failed": 4, "unsent": 46}


def test_a_run_without_failures_does_not_reach_a_bound_of_0() -> None:
    ran = one_batch(ModelService(), 30, max_failures=0)
    assert ran.error is None
    assert ran.books.states == {"succeeded": 30}
