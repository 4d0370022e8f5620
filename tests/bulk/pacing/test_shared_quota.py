"""Two runs on one installation that share a pacer: together they keep to one quota."""

import asyncio
from random import Random
from typing import Literal

import pytest

from kvsctl.bulk.pacing.pace import Pace
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.run import Run
from kvsctl.model import State, Verb
from tests.support.books import Books
from tests.support.records import record
from tests.support.simulated.model_service import ModelService, Turn, always, in_turn, refused
from tests.support.simulated.quota_service import Quota, Tick, most_in_any, refused_share
from tests.support.simulated.simulation import simulate_two
from tests.support.simulated.virtual_time import MemoryFeed, run_virtual

_RATE, _UNITS = 50, 900
_UNLIMITED = Quota(limits=())
_AT_ONCE = pytest.mark.parametrize("at_once", [True, False], ids=["at once", "in turn"])


def _plan(pace: Pace | None = None) -> RunPlan:
    return RunPlan(
        Verb.DELETE,
        packing=PackingRule(1, 4_000_000),
        pace=pace or Pace(requests_per_second=_RATE, units_per_minute=_UNITS),
        finds_concurrency=True,
    )


def _most_requests_in_any_second(ticks: list[Tick]) -> int:
    return most_in_any([Tick(tick.at, 1, was_refused=False) for tick in ticks], 1.0)


@_AT_ONCE
def test_two_runs_together_stay_within_the_documented_quota(at_once: bool) -> None:
    quota = Quota(limits=((_RATE, 1.0, False), (_UNITS, 60.0, True)))
    both = simulate_two(_plan(), quota, records=1000, at_once=at_once)
    assert [ran.succeeded for ran in both] == [1000, 1000]
    assert [ran.error for ran in both] == [None, None]
    ticks = both[0].ticks
    assert refused_share(ticks) == 0
    assert _most_requests_in_any_second(ticks) <= _RATE
    assert most_in_any(ticks, 60.0) <= _UNITS
    assert max(ran.seconds for ran in both) <= 1.1 * 140, "a quota that is used, not only kept"


@_AT_ONCE
def test_two_runs_with_a_pacer_each_exceed_the_quota(at_once: bool) -> None:
    """The tests of a shared pacer would notice one that is not shared."""
    both = simulate_two(_plan(), _UNLIMITED, records=900, at_once=at_once, shares_pacer=False)
    assert most_in_any(both[0].ticks, 60.0) > 1.5 * _UNITS


def test_two_runs_that_divide_a_quota_keep_to_it_and_use_it() -> None:
    """Runs in two processes, which cannot share a pacer: each has half of the pace."""
    quota = Quota(limits=((_RATE, 1.0, False), (_UNITS, 60.0, True)))
    halves = _plan(Pace(_RATE, _UNITS).divided(2))
    both = simulate_two(halves, quota, records=1000, at_once=True, shares_pacer=False)
    assert [ran.succeeded for ran in both] == [1000, 1000]
    ticks = both[0].ticks
    assert refused_share(ticks) == 0
    assert _most_requests_in_any_second(ticks) <= _RATE
    assert most_in_any(ticks, 60.0) <= _UNITS
    assert max(ran.seconds for ran in both) <= 1.1 * 140, "nearly all of it is used"


def test_every_limit_of_a_pace_is_divided() -> None:
    assert Pace(10, 20, 30, 40).divided(4) == Pace(2.5, 5, 7.5, 10)
    assert Pace().divided(4) == Pace()


@_AT_ONCE
@pytest.mark.parametrize("announces", [False, True])
@pytest.mark.parametrize("kind", ["sliding", "fixed", "bucket"])
def test_two_runs_learn_an_undocumented_limit_together(
    kind: Literal["sliding", "fixed", "bucket"], announces: bool, at_once: bool
) -> None:
    quota = Quota(kind, ((45, 60.0, False),), announces=announces)
    both = simulate_two(_plan(Pace()), quota, records=200, at_once=at_once)
    assert [ran.succeeded for ran in both] == [200, 200]
    assert [ran.error for ran in both] == [None, None]
    assert max(ran.seconds for ran in both) <= 1.4 * 60 * 400 / 45


class _Pair:
    """Two runs of one record each that share a pacer, with a service each."""

    def __init__(self, pace: Pace, first: ModelService, second: ModelService) -> None:
        self.pacer = Pacer(pace, asyncio.get_running_loop().time)
        self.books = (Books(), Books())
        self._runs = [
            Run(_plan(), service, [books], pacer=self.pacer, random=Random(7))
            for service, books in zip((first, second), self.books, strict=True)
        ]

    @property
    def first(self) -> Run:
        return self._runs[0]

    async def work(self) -> None:
        feeds = (MemoryFeed([[record(0, name)]]) for name in "ab")
        await asyncio.gather(*(run.work(feed) for run, feed in zip(self._runs, feeds, strict=True)))


def test_a_run_resumes_when_the_probing_request_of_another_ends() -> None:
    first, second = ModelService(always(Turn(20.0))), ModelService()

    async def work() -> None:
        pair = _Pair(Pace(), first, second)
        started = [pair.pacer.start(1, 1, reads=False) for _ in range(4)]
        for start in started:
            pair.pacer.refuse(start, 0.0)
        assert pair.pacer.is_probing
        await pair.work()
        assert [books.states for books in pair.books] == [{"succeeded": 1}] * 2

    run_virtual(work())
    assert 20 <= second.requests[0].started < 21


def test_a_run_resumes_when_a_request_of_another_returns_its_units() -> None:
    first, second = ModelService(always(Turn(20.0))), ModelService()

    async def work() -> None:
        pair = _Pair(Pace(requests_per_second=0.01), first, second)
        await pair.work()

    run_virtual(work())
    assert 120 <= second.requests[0].started < 121, "after the answer, a hundred seconds"


class _WaitingForAToken(ModelService):
    async def prepare(self) -> None:
        await asyncio.sleep(60)


@pytest.mark.parametrize("is_sent", [True, False])
def test_a_run_resumes_when_another_is_aborted(is_sent: bool) -> None:
    """Before a token has arrived, a run has no place that another must wait for."""
    first = (ModelService if is_sent else _WaitingForAToken)(always(Turn(1000.0)))
    second = ModelService()

    async def work() -> None:
        pair = _Pair(Pace(requests_per_second=0.1), first, second)
        asyncio.get_running_loop().call_later(5.0, pair.first.abort)
        await pair.work()
        state = State.UNKNOWN if is_sent else State.UNSENT
        assert [books.states for books in pair.books] == [{state.value: 1}, {"succeeded": 1}]

    run_virtual(work())
    [request] = second.requests
    expected_seconds = 5 + 10 if is_sent else 0
    assert request.started == pytest.approx(expected_seconds, abs=0.1), "it may have been charged"


def test_a_retry_after_for_one_run_holds_the_other_back() -> None:
    asked = refused(429, "TOO_MANY_REQUESTS", retry_after_seconds=40.0)
    first, second = ModelService(in_turn(Turn(0.0, fault=asked))), ModelService()

    async def work() -> None:
        pacer = Pacer(Pace(), asyncio.get_running_loop().time)
        runs = [Run(_plan(), service, [], pacer=pacer) for service in (first, second)]
        late = MemoryFeed([1.0, [record(0, "b")]])
        await asyncio.gather(runs[0].work(MemoryFeed([[record(0, "a")]])), runs[1].work(late))

    run_virtual(work())
    assert second.requests[0].started >= 40
