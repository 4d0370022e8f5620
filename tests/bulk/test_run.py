"""Whole runs on virtual time: how they flow, and how they end."""

import asyncio
from collections.abc import Callable

import pytest

from kvsctl.bulk.events import Event, RequestEnded, Settled, WaitReason
from kvsctl.bulk.pacing.pace import Pace
from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import Pressure, RunPlan
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.bulk.run import Run
from kvsctl.bulk.settling.reconcile import ReadPolicy
from kvsctl.errors import StreamError, TargetError
from kvsctl.model import State, Verb
from kvsctl.service.faults import Fault
from tests.support.books import Ran, carry_out
from tests.support.records import identity, problem, record
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
from tests.support.simulated.virtual_time import Piece, Step


def _input(count: int, start: int = 0) -> list[Piece]:
    return [record(place, f"k{place}") for place in range(start, start + count)]


def _stop(run: Run) -> None:
    run.stop()


def _abort(run: Run) -> None:
    run.abort()


_ONE_BY_ONE = RunPlan(Verb.SET, packing=PackingRule(1, 1000), concurrency=1)


# The flow


def test_problems_settle_unsent_and_stop_nothing() -> None:
    service = ModelService()
    ran = carry_out(RunPlan(Verb.SET), [[problem(0), record(1), problem(2, "k")]], service)
    assert service.sent == [[1]]
    assert ran.books.positions(State.FAILED) == [0, 2]
    assert ran.books.code(0) == "INVALID_KEY"
    assert ran.error is None


def test_no_input_is_no_request() -> None:
    service = ModelService()
    ran = carry_out(RunPlan(Verb.SET), [], service)
    assert (ran.error, ran.books.read, service.requests) == (None, 0, [])


def test_a_feed_that_has_more_gives_full_batches() -> None:
    steps: list[Step] = []
    for start in range(0, 100, 10):
        steps += [_input(10, start), 0.5]
    service = ModelService()
    carry_out(RunPlan(Verb.SET), steps, service)
    assert [len(sent) for sent in service.sent] == [25, 25, 25, 25]


def test_a_starving_feed_has_its_records_sent_at_once() -> None:
    steps: list[Step] = []
    for place in range(5):
        steps += [_input(1, place), [], 10.0]
    service = ModelService()
    carry_out(RunPlan(Verb.SET), steps, service)
    assert service.sent == [[0], [1], [2], [3], [4]]
    assert [request.started for request in service.requests] == [0, 10, 20, 30, 40]


def test_a_feed_starves_no_longer_when_more_comes() -> None:
    steps: list[Step] = [[], _input(10), 5.0, _input(15, 10)]
    service = ModelService()
    carry_out(RunPlan(Verb.SET), steps, service)
    assert [len(sent) for sent in service.sent] == [25]
    assert service.requests[0].started == 5.0


def test_the_end_flushes_what_is_left() -> None:
    service = ModelService()
    carry_out(RunPlan(Verb.SET), [_input(30), 2.0], service)
    assert [len(sent) for sent in service.sent] == [25, 5]
    assert [request.started for request in service.requests] == [0.0, 2.0]


@pytest.mark.parametrize("concurrency", [1, 3, 16])
def test_as_many_requests_as_allowed_are_in_flight(concurrency: int) -> None:
    service = ModelService(concurrency=concurrency)
    ran = carry_out(RunPlan(Verb.SET, concurrency=concurrency), [_input(25 * 48)], service)
    assert service.most_in_flight == concurrency
    assert ran.seconds == pytest.approx(0.1 * 48 / concurrency)


@pytest.mark.parametrize(("verb", "window"), [(Verb.SET, 1000), (Verb.GET, 40)])
def test_the_window_bounds_what_is_open(verb: Verb, window: int) -> None:
    plan = RunPlan(verb, concurrency=2, packing=PackingRule(10, 4000))
    service = ModelService(always(Turn(1.0)))
    # For get, all follow few keys: followers count as well.
    keys = 5 if verb is Verb.GET else 10**6
    names = [f"k{place % keys}" for place in range(4000)]
    pieces: list[Piece] = [record(place, name) for place, name in enumerate(names)]
    lists: list[Step] = [pieces[start : start + 50] for start in range(0, 4000, 50)]
    ran = carry_out(plan, lists, service)
    assert plan.window_at(plan.concurrency) == window
    assert window <= ran.books.most_open <= window + 50
    assert len(ran.books.outcomes) == 4000


def test_the_window_bounds_the_bytes_of_what_is_open() -> None:
    plan = RunPlan(Verb.SET, concurrency=2, window_bytes=100_000)
    pieces: list[Piece] = [record(place, f"k{place}", body_bytes=10_000) for place in range(200)]
    # The same keys again: what is replaced or parked gives its bytes back.
    pieces += [record(place, f"k{place % 7}", body_bytes=10_000) for place in range(200, 400)]
    lists: list[Step] = [pieces[start : start + 2] for start in range(0, 400, 2)]
    ran = carry_out(plan, lists, ModelService(always(Turn(1.0))))
    assert 10 <= ran.books.most_open <= 12
    assert len(ran.books.outcomes) == 400


def test_the_window_grows_with_the_requests_in_flight() -> None:
    assert RunPlan(Verb.SET).window_at(64) == 4 * 64 * 25


@pytest.mark.parametrize("fault", [BROKEN, THROTTLED])
def test_a_wait_that_ends_while_the_run_looks_around_is_not_missed(fault: Fault) -> None:
    # Waits as short as a few looks at the clock: some end between two of them.
    retry = RetryPolicy(retries=1000, base_seconds=0.005, cap_seconds=0.005)
    plan = RunPlan(Verb.SET, concurrency=1, retry=retry, give_up_after=1000, patience_seconds=1e6)
    service = ModelService(in_turn(*[Turn(fault=fault)] * 200))
    ran = carry_out(plan, [_input(1)], service, reading_seconds=0.001)
    assert ran.books.states == {"succeeded": 1}


def test_an_older_record_that_was_not_sent_is_a_duplicate() -> None:
    service = ModelService()
    steps: list[Step] = [[record(0)], [], 0.05, [record(1), record(2)], []]
    ran = carry_out(RunPlan(Verb.SET), steps, service)
    assert service.sent == [[0], [2]]
    assert ran.books.positions(State.DUPLICATE) == [1]
    assert ran.books.settled_at[1] < ran.books.settled_at[0]
    assert service.store == {identity("k"): 2}


def test_a_later_record_that_breaks_a_rule_replaces_nothing() -> None:
    service = ModelService()
    carry_out(RunPlan(Verb.SET), [[record(0), problem(1, "k")]], service)
    assert service.store == {identity("k"): 0}


def test_a_newer_record_waits_for_the_retries_of_the_older() -> None:
    service = ModelService(in_turn(Turn(fault=TIMED_OUT), Turn(fault=THROTTLED)))
    steps: list[Step] = [[record(0)], [], 0.05, [record(1)], []]
    ran = carry_out(RunPlan(Verb.SET), steps, service)
    assert service.sent == [[0], [0], [0], [1]]
    assert ran.books.states == {"succeeded": 2}


def test_each_occurrence_of_a_key_is_answered_and_it_is_fetched_once() -> None:
    service = ModelService()
    service.store = {identity("a"): 7}
    pieces: list[Piece] = [record(place, "ab"[place % 2]) for place in range(6)]
    plan = RunPlan(Verb.GET, read_policy=ReadPolicy(ignore_missing=True))
    ran = carry_out(plan, [pieces[:3], [], 0.05, pieces[3:], []], service)
    assert service.sent == [[0, 1]]
    assert ran.books.positions(State.SUCCEEDED) == [0, 2, 4]
    for place in (0, 2, 4):
        found = ran.books.outcomes[place].found
        assert found is not None
        assert found.value == b"7"
        assert ran.books.outcomes[place + 1].skipped_by == "missing"


def test_a_follower_has_the_attempts_of_the_record_it_follows() -> None:
    ran = carry_out(RunPlan(Verb.GET), [[record(0), record(1)]], ModelService())
    follower = ran.books.outcomes[1].subject
    assert ran.books.code(1) == "KEY_NOT_FOUND"
    assert getattr(follower, "attempts", None) == 1


# Pressure


class _Valve:
    """Pressure that a test sets. It wakes the run as a listener would."""

    def __init__(self, pressure: Pressure) -> None:
        self.pressure = pressure

    def __call__(self) -> Pressure:
        return self.pressure

    def turn(self, pressure: Pressure) -> Callable[[Run], None]:
        def action(run: Run) -> None:
            self.pressure = pressure
            run.wake()

        return action


def test_pressure_stops_all_requests_until_it_is_gone() -> None:
    valve = _Valve(Pressure.NONE)
    service = ModelService(in_turn(Turn(fault=BROKEN)))
    moments = [(0.05, valve.turn(Pressure.STOP)), (100.0, valve.turn(Pressure.NONE))]
    ran = carry_out(_ONE_BY_ONE, [_input(3)], service, moments=moments, pressure=valve)
    assert [request.started >= 100.0 for request in service.requests] == [False, True, True, True]
    assert ran.books.states == {"succeeded": 3}


def test_under_pressure_only_the_oldest_go() -> None:
    valve = _Valve(Pressure.OLDEST_ONLY)
    plan = RunPlan(Verb.SET, packing=PackingRule(2, 1000), concurrency=8)
    service = ModelService(in_turn(Turn(fault=BROKEN)))
    ran = carry_out(plan, [_input(8)], service, pressure=valve)
    assert service.most_in_flight == 1
    assert service.sent == [[0, 1], [0, 1], [2, 3], [4, 5], [6, 7]]
    assert ran.books.states == {"succeeded": 8}


def test_under_pressure_retries_go_while_others_are_in_flight() -> None:
    valve = _Valve(Pressure.NONE)
    plan = RunPlan(Verb.SET, packing=PackingRule(1, 1000), concurrency=2)
    service = ModelService(in_turn(Turn(0.1, fault=BROKEN), Turn(60.0)))
    moments = [(0.05, valve.turn(Pressure.OLDEST_ONLY))]
    ran = carry_out(plan, [_input(4)], service, moments=moments, pressure=valve)
    assert service.sent == [[0], [1], [0], [2], [3]]
    assert service.requests[2].started < 1
    assert service.requests[3].started >= 60
    assert ran.books.states == {"succeeded": 4}


def test_a_run_under_full_pressure_can_be_stopped() -> None:
    valve = _Valve(Pressure.STOP)
    ran = carry_out(_ONE_BY_ONE, [_input(3)], ModelService(), moments=[(5, _stop)], pressure=valve)
    assert ran.books.states == {"unsent": 3}


# Stopping


def test_stop_finishes_requests_in_flight() -> None:
    plan = RunPlan(Verb.SET, packing=PackingRule(2, 1000), concurrency=2)
    service = ModelService()
    ran = carry_out(plan, [_input(10)], service, moments=[(0.05, _stop)])
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
    ran = carry_out(plan, [_input(3)], service, moments=[(0.5, lambda run: run.stop(failure))])
    assert ran.error is failure
    assert ran.books.states == {"succeeded": 1, "unsent": 2}
    assert ran.seconds == pytest.approx(10.0)


def test_stop_leaves_retries_undone() -> None:
    service = ModelService(in_turn(Turn(fault=TIMED_OUT, applies=True), Turn(fault=THROTTLED)))
    plan = RunPlan(Verb.SET, packing=PackingRule(2, 1000), concurrency=2)
    ran = carry_out(plan, [_input(6)], service, moments=[(0.05, _stop)])
    assert ran.books.positions(State.UNKNOWN) == [0, 1]
    assert ran.books.positions(State.UNSENT) == [2, 3, 4, 5]
    assert ran.seconds == pytest.approx(0.1)


def test_stop_reads_no_further() -> None:
    steps: list[Step] = []
    for place in range(10):
        steps += [_input(1, place), [], 1.0]
    service = ModelService(always(Turn(100.0)))
    ran = carry_out(RunPlan(Verb.SET), steps, service, moments=[(2.5, _stop)])
    assert ran.books.read == 3
    assert ran.books.states == {"succeeded": 3}


def test_stop_settles_records_that_were_not_admitted() -> None:
    pieces: list[Piece] = [*_input(1000), problem(1000), record(1001)]
    service = ModelService(always(Turn(10.0)))
    ran = carry_out(_ONE_BY_ONE, [pieces], service, moments=[(5.0, _stop)])
    assert ran.books.positions(State.SUCCEEDED) == [0]
    assert ran.books.positions(State.FAILED) == [1000]
    assert ran.books.states == {"succeeded": 1, "unsent": 1000, "failed": 1}


def test_stop_leaves_the_newer_record_unsent() -> None:
    steps: list[Step] = [[record(0)], [], 0.05, [record(1)], []]
    ran = carry_out(RunPlan(Verb.SET), steps, ModelService(), moments=[(0.06, _stop)])
    assert ran.books.positions(State.SUCCEEDED) == [0]
    assert ran.books.positions(State.UNSENT) == [1]


def test_a_stopped_run_without_answers_is_stopped_not_unreachable() -> None:
    service = ModelService(always(Turn(fault=NO_CONNECTION)))
    ran = carry_out(_ONE_BY_ONE, [[problem(0), record(1)]], service, moments=[(0.15, _stop)])
    assert ran.error is None
    assert ran.books.states == {"failed": 1, "unsent": 1}


def test_abort_cuts_off_requests_in_flight() -> None:
    plan = RunPlan(Verb.SET, packing=PackingRule(2, 1000), concurrency=2)
    service = ModelService(always(Turn(1000.0)))
    moments = [(1.0, _stop), (2.0, _abort)]
    ran = carry_out(plan, [_input(6)], service, moments=moments)
    assert ran.seconds == pytest.approx(2.0)
    assert ran.books.positions(State.UNKNOWN) == [0, 1, 2, 3]
    assert ran.books.positions(State.UNSENT) == [4, 5]
    assert all(one.ambiguous for request in service.requests for one in request.records)


def test_abort_leaves_records_with_a_refused_token_unsent() -> None:
    service = ModelService(renewals=1)
    service.revoked.add(service.token)
    ran = carry_out(RunPlan(Verb.SET), [_input(2)], service, moments=[(0.12, _abort)])
    assert len(service.requests) == 1
    assert ran.books.states == {"unsent": 2}


class _AskingForAToken(ModelService):
    """A service whose token takes a minute, such as one that a person types."""

    async def prepare(self) -> None:
        await asyncio.sleep(60)


def test_abort_while_a_token_is_fetched_leaves_records_unsent() -> None:
    service = _AskingForAToken()
    ran = carry_out(RunPlan(Verb.SET), [_input(2)], service, moments=[(1.0, _stop), (2.0, _abort)])
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
        [_input(2)],
        service,
        moments=[(0.0, run_of.append)],
        pressure=abort_before_the_resend_starts,
    )
    assert len(service.requests) == 1
    assert ran.books.states == {"unsent": 2}


def test_abort_settles_followers_too() -> None:
    service = ModelService(always(Turn(10.0)))
    pieces: list[Piece] = [record(place) for place in range(3)]
    ran = carry_out(RunPlan(Verb.GET), [pieces], service, moments=[(1.0, _abort)])
    assert ran.books.states == {"unknown": 3}


# Other ends


def test_records_read_before_a_feed_fails_are_sent() -> None:
    broken = StreamError("cannot read in.jsonl after 3 bytes: Input/output error")
    service = ModelService()
    ran = carry_out(RunPlan(Verb.SET), [_input(2), [], 0.05, _input(2, 2), broken], service)
    assert ran.error is broken
    assert ran.books.states == {"succeeded": 4}


@pytest.mark.parametrize("moments", [[], [(0.2, _stop)]], ids=["to the end", "stopped"])
def test_a_feed_that_breaks_outweighs_a_target_that_does_not_answer(
    moments: list[tuple[float, Callable[[Run], None]]],
) -> None:
    broken = StreamError("in.jsonl failed after 3 bytes: Input/output error")
    service = ModelService(always(Turn(fault=NO_CONNECTION)))
    plan = RunPlan(Verb.SET, retry=RetryPolicy(retries=2))
    ran = carry_out(plan, [_input(2), broken], service, moments=moments)
    assert ran.error is broken, "exit code 5, which precedes 4"


def test_a_defect_of_the_feed_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        carry_out(RunPlan(Verb.SET), [_input(2), ZeroDivisionError()], ModelService())


def test_a_defect_of_a_listener_is_raised() -> None:
    def listener(event: Event) -> None:
        if isinstance(event, Settled):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        carry_out(RunPlan(Verb.SET), [_input(2)], ModelService(), listeners=[listener])


@pytest.mark.parametrize("broken_at", [RequestEnded, Settled])
def test_output_that_breaks_ends_the_run_and_the_sum_holds(broken_at: type) -> None:
    full = StreamError("out.jsonl cannot be written: No space left on device")

    def listener(event: Event) -> None:
        if isinstance(event, broken_at):
            raise full

    service = ModelService()
    plan = RunPlan(Verb.SET, packing=PackingRule(2, 1000), concurrency=2)
    ran = carry_out(plan, [_input(10)], service, listeners=[listener])
    assert ran.error is full
    assert ran.books.states == {"succeeded": 4, "unsent": 6}
    assert len(ran.books.requests) == 2


def test_output_that_breaks_over_problems_ends_the_run_too() -> None:
    full = StreamError("failures.jsonl cannot be written: No space left on device")

    def listener(event: Event) -> None:
        if isinstance(event, Settled):
            raise full

    pieces: list[Piece] = [problem(0), *_input(3, 1)]
    ran = carry_out(RunPlan(Verb.SET), [pieces], ModelService(), listeners=[listener])
    assert ran.error is full
    assert ran.books.states == {"failed": 1, "unsent": 3}


def test_a_target_that_never_answers_is_unreachable() -> None:
    service = ModelService(always(Turn(fault=NO_CONNECTION)))
    plan = RunPlan(Verb.SET, retry=RetryPolicy(retries=2))
    ran = carry_out(plan, [_input(3)], service)
    assert isinstance(ran.error, TargetError)
    assert "cannot reach the target" in ran.error.message
    assert "UNREACHABLE" in ran.error.message
    assert ran.books.states == {"failed": 3}


def test_a_target_that_answered_once_is_reachable() -> None:
    turns = [Turn(fault=refused(502, "HTTP_502"))]
    service = ModelService(in_turn(*turns, then=Turn(fault=NO_CONNECTION)))
    plan = RunPlan(Verb.SET, retry=RetryPolicy(retries=2))
    ran = carry_out(plan, [_input(3)], service)
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
