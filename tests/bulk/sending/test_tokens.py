"""A run waits for a token only while it may still send something."""

import asyncio
from collections.abc import Callable

import pytest

from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.bulk.run import Run
from kvsctl.errors import CredentialsError
from kvsctl.model import State
from kvsctl.service.auth.credentials import Secret
from kvsctl.service.auth.lifetime import TokenNeed
from tests.bulk.sending.runs import input_of, plan_of
from tests.support.books import carry_out
from tests.support.simulated.model_service import (
    TIMED_OUT,
    ModelService,
    Turn,
    always,
    in_turn,
    refused,
)

_REFUSED = Turn(fault=refused(401, "UNAUTHORIZED"))
_PAIRS = PackingRule(2, 1000)


class _Slow(ModelService):
    """A service whose tokens come from a command that takes a minute."""

    has_quick_token = False
    prepares = 0
    asked = 0
    ended = 0

    async def prepare(self) -> None:
        self.prepares += 1

    async def renew(self, refused: Secret | None) -> bool:
        self.asked += 1
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.ended += 1
            raise
        self.revoked.clear()
        return True


class _SlowFromTheStart(_Slow):
    async def prepare(self) -> None:
        await self.renew(None)


def _stop(run: Run) -> None:
    run.stop()


def _run_out_of_time(run: Run) -> None:
    run.run_out_of_time()


def _abort(run: Run) -> None:
    run.abort()


_ENDS = pytest.mark.parametrize("end", [_stop, _run_out_of_time, _abort])


@_ENDS
def test_a_run_that_ends_early_waits_for_no_new_token(end: Callable[[Run], None]) -> None:
    service = _Slow(in_turn(Turn(), _REFUSED, _REFUSED))
    plan = plan_of(packing=_PAIRS, concurrency=2)
    ran = carry_out(plan, [input_of(10)], service, moments=[(5.0, end)])
    assert ran.seconds == pytest.approx(5.0)
    assert ran.error is None
    assert (service.asked, service.ended) == (2, 2)
    assert ran.books.states == {"succeeded": 2, "unsent": 8}


@_ENDS
def test_a_run_that_ends_early_waits_for_no_first_token(end: Callable[[Run], None]) -> None:
    service = _SlowFromTheStart()
    ran = carry_out(plan_of(), [input_of(3)], service, moments=[(5.0, end)])
    assert ran.seconds == pytest.approx(5.0)
    assert ran.error is None
    assert (service.asked, service.ended) == (1, 1)
    assert ran.books.states == {"unsent": 3}


@pytest.mark.parametrize("end", [_stop, _run_out_of_time])
def test_a_refusal_after_the_end_asks_for_no_token(end: Callable[[Run], None]) -> None:
    service = _Slow(in_turn(_REFUSED))
    ran = carry_out(plan_of(), [input_of(3)], service, moments=[(0.05, end)])
    assert ran.seconds == pytest.approx(0.1)
    assert ran.error is None
    assert service.asked == 0
    assert ran.books.states == {"unsent": 3}


def test_requests_in_flight_are_finished_while_the_renewal_of_another_is_given_up() -> None:
    service = _Slow(in_turn(_REFUSED, Turn(20.0)))
    plan = plan_of(packing=_PAIRS, concurrency=2)
    ran = carry_out(plan, [input_of(10)], service, moments=[(5.0, _stop)])
    assert ran.seconds == pytest.approx(20.0)
    assert ran.books.positions(State.SUCCEEDED) == [2, 3]
    assert ran.books.states == {"succeeded": 2, "unsent": 8}


def test_nothing_is_sent_and_nothing_is_in_flight_while_a_token_is_awaited() -> None:
    service = _Slow(in_turn(_REFUSED))
    seen: list[tuple[int, int]] = []

    def look(run: Run) -> None:
        seen.append((len(service.requests), run.in_flight))

    plan = plan_of(packing=_PAIRS, concurrency=1)
    ran = carry_out(plan, [input_of(6)], service, moments=[(0.2, look), (59.0, look)])
    assert seen == [(1, 0), (1, 0)]
    assert ran.books.states == {"succeeded": 6}
    assert ran.books.waits == []


def test_records_with_an_unanswered_attempt_are_retried_with_a_new_token_in_time() -> None:
    turns = [Turn(fault=TIMED_OUT, applies=True), _REFUSED]
    service = _Slow(in_turn(*turns))
    plan = plan_of(packing=_PAIRS, concurrency=1, stop_seconds=300.0)
    ran = carry_out(plan, [input_of(6)], service, moments=[(5.0, _run_out_of_time)])
    assert ran.seconds == pytest.approx(60, abs=2)
    assert ran.books.states == {"succeeded": 2, "unsent": 4}


def test_records_with_an_unanswered_attempt_wait_for_a_token_until_the_stop_seconds_are_over() -> (
    None
):
    service = _Slow(in_turn(Turn(fault=TIMED_OUT, applies=True), then=_REFUSED))
    plan = plan_of(concurrency=1, stop_seconds=30.0, retry=RetryPolicy(retries=9))
    ran = carry_out(plan, [input_of(2)], service, moments=[(5.0, _run_out_of_time)])
    assert ran.seconds == pytest.approx(35.0)
    assert service.ended == 1
    assert ran.error is None
    assert ran.books.states == {"unknown": 2}


def test_records_to_be_read_back_wait_for_a_token_until_the_stop_seconds_are_over() -> None:
    def script(records: object) -> Turn:
        return Turn() if len(service.requests) < 3 else _REFUSED

    service = _Slow(script)
    plan = plan_of(packing=_PAIRS, concurrency=1, verify=True, stop_seconds=30.0)
    ran = carry_out(plan, [input_of(8)], service, moments=[(5.0, _stop)])
    assert ran.seconds <= 35.1
    assert ran.error is None
    assert set(ran.books.states) <= {"succeeded", "unknown", "unsent"}
    assert ran.books.states["unsent"] > 0


class _Early(_Slow):
    """A service whose token is due from the second 1 on, and ends in the second `ends_at`."""

    def __init__(self, ends_at: float) -> None:
        super().__init__(always(Turn(1.0)))
        self.ends_at = ends_at
        self.is_renewed = False

    @property
    def token_need(self) -> TokenNeed:
        now = asyncio.get_running_loop().time()
        if self.is_renewed or now < 1:
            return TokenNeed.NONE
        return TokenNeed.SOON if now < self.ends_at else TokenNeed.NOW

    async def prepare(self) -> None:
        if asyncio.get_running_loop().time() >= 1:
            await self.renew(None)
            self.is_renewed = True


def test_requests_go_on_with_the_old_token_while_the_next_one_is_read() -> None:
    service = _Early(ends_at=30.5)
    plan = plan_of(packing=PackingRule(1, 1000), concurrency=1)
    ran = carry_out(plan, [input_of(40)], service)
    assert service.asked == 1
    started = [request.started for request in service.requests]
    assert started == pytest.approx([*range(31), *range(61, 70)])
    assert ran.books.states == {"succeeded": 40}


def test_a_token_that_was_asked_for_early_is_awaited_at_the_end() -> None:
    service = _Early(ends_at=300.0)
    plan = plan_of(packing=PackingRule(1, 1000), concurrency=1)
    ran = carry_out(plan, [input_of(5)], service)
    assert (service.asked, service.ended) == (1, 0)
    assert ran.seconds == pytest.approx(61.0)


@_ENDS
def test_a_run_that_ends_early_ends_a_command_that_was_begun_early(
    end: Callable[[Run], None],
) -> None:
    service = _Early(ends_at=3.5)
    plan = plan_of(packing=PackingRule(1, 1000), concurrency=1)
    ran = carry_out(plan, [input_of(9)], service, moments=[(10.0, end)])
    assert ran.seconds == pytest.approx(10.0)
    assert service.ended == 1
    assert ran.books.states == {"succeeded": 4, "unsent": 5}


class _Broken(ModelService):
    async def renew(self, refused: Secret | None) -> bool:
        raise ZeroDivisionError


def test_a_defect_of_a_renewal_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        carry_out(plan_of(), [input_of(3)], _Broken(always(_REFUSED)))


class _Failing(_Slow):
    async def renew(self, refused: Secret | None) -> bool:
        await super().renew(refused)
        raise CredentialsError("token command ended with exit code 1")


def test_an_error_of_a_token_source_ends_requests_in_order() -> None:
    service = _Failing(in_turn(_REFUSED, Turn(100.0)))
    plan = plan_of(packing=_PAIRS, concurrency=2)
    ran = carry_out(plan, [input_of(10)], service)
    assert isinstance(ran.error, CredentialsError)
    assert ran.books.states == {"succeeded": 2, "unsent": 8}


def test_the_second_stop_cuts_off_what_is_in_flight_beside_a_renewal() -> None:
    service = _Slow(in_turn(_REFUSED, Turn(20.0)))
    plan = plan_of(packing=_PAIRS, concurrency=2)
    ran = carry_out(plan, [input_of(10)], service, moments=[(5.0, _stop), (6.0, _abort)])
    assert ran.seconds == pytest.approx(6.0)
    assert ran.books.positions(State.UNKNOWN) == [2, 3]
    assert ran.books.states == {"unknown": 2, "unsent": 8}
