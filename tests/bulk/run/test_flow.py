"""From a feed to requests: batches, windows, and records of one key."""

import pytest

from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.bulk.settling.reconcile import ReadPolicy
from kvsctl.model import State, Verb
from kvsctl.service.faults import Fault
from tests.bulk.run.support import input_of
from tests.support.books import carry_out
from tests.support.records import identity, problem, record
from tests.support.simulated.model_service import (
    BROKEN,
    THROTTLED,
    TIMED_OUT,
    ModelService,
    Turn,
    always,
    in_turn,
)
from tests.support.simulated.virtual_time import Piece, Step


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
        steps += [input_of(10, start), 0.5]
    service = ModelService()
    carry_out(RunPlan(Verb.SET), steps, service)
    assert [len(sent) for sent in service.sent] == [25, 25, 25, 25]


def test_a_starving_feed_has_its_records_sent_at_once() -> None:
    steps: list[Step] = []
    for place in range(5):
        steps += [input_of(1, place), [], 10.0]
    service = ModelService()
    carry_out(RunPlan(Verb.SET), steps, service)
    assert service.sent == [[0], [1], [2], [3], [4]]
    assert [request.started for request in service.requests] == [0, 10, 20, 30, 40]


def test_a_feed_starves_no_longer_when_more_comes() -> None:
    steps: list[Step] = [[], input_of(10), 5.0, input_of(15, 10)]
    service = ModelService()
    carry_out(RunPlan(Verb.SET), steps, service)
    assert [len(sent) for sent in service.sent] == [25]
    assert service.requests[0].started == 5.0


def test_the_end_flushes_what_is_left() -> None:
    service = ModelService()
    carry_out(RunPlan(Verb.SET), [input_of(30), 2.0], service)
    assert [len(sent) for sent in service.sent] == [25, 5]
    assert [request.started for request in service.requests] == [0.0, 2.0]


@pytest.mark.parametrize("concurrency", [1, 3, 16])
def test_as_many_requests_as_allowed_are_in_flight(concurrency: int) -> None:
    service = ModelService(concurrency=concurrency)
    ran = carry_out(RunPlan(Verb.SET, concurrency=concurrency), [input_of(25 * 48)], service)
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
    ran = carry_out(plan, [input_of(1)], service, reading_seconds=0.001)
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
