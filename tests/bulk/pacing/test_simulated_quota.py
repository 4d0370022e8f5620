"""Whole runs against simulated quotas, for minutes of virtual time: bounds that users can rely on.

`benchmarks/quota/run.py` does the same at length, and draws it. With KVSCTL_LONG_TESTS=1 unknown
windows are simulated for more lengths, concurrencies and seeds, which takes minutes.
"""

import os
from random import Random
from typing import Literal

import pytest

from kvsctl.bulk.forecast import Forecaster
from kvsctl.bulk.pacing.pace import Pace
from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import RunPlan
from kvsctl.model import Verb
from tests.support.simulated.quota_service import Quota, let_through, most_in_any, refused_share
from tests.support.simulated.simulation import records_of, simulate

_ONE_EACH = PackingRule(1, 4_000_000)
_KINDS = pytest.mark.parametrize("kind", ["sliding", "fixed", "bucket"])
Kind = Literal["sliding", "fixed", "bucket"]


def _plan(verb: Verb = Verb.SET, share: float = 1.0, **settings: object) -> RunPlan:
    chosen = {"packing": _ONE_EACH, "finds_concurrency": True, **settings}
    return RunPlan(verb, pace=Pace.of(share), **chosen)  # type: ignore[arg-type]


@_KINDS
def test_a_long_run_fills_every_minute_and_is_not_refused(kind: Kind) -> None:
    ran = simulate(_plan(), Quota(kind), records=6000)
    assert ran.succeeded == 6000
    assert ran.seconds <= 1.2 * 61
    assert refused_share(ran.ticks) < 0.01
    assert most_in_any(ran.ticks, 60) <= 4000


def test_a_short_run_goes_at_full_speed_with_answers_that_take_a_tenth_of_a_second() -> None:
    ran = simulate(_plan(share=0.7), Quota(), records=2800)
    assert ran.seconds <= 8, "2800 units at 700 requests a second take 4 seconds"
    assert refused_share(ran.ticks) == 0


def test_slow_answers_are_met_by_more_requests_at_a_time() -> None:
    ran = simulate(_plan(share=0.7), Quota(), records=5000, latency_seconds=0.5)
    assert ran.succeeded == 5000
    assert ran.seconds <= 1.3 * 63
    assert ran.most_in_flight >= 32


def test_the_given_number_of_requests_at_a_time_is_kept() -> None:
    ran = simulate(_plan(concurrency=5, finds_concurrency=False), Quota(), records=500)
    assert ran.most_in_flight == 5


@_KINDS
@pytest.mark.parametrize("announces", [False, True])
def test_a_limit_of_45_batches_per_minute_is_found(kind: Kind, announces: bool) -> None:
    quota = Quota(kind, ((45, 60.0, False),), announces=announces)
    ran = simulate(_plan(share=0.7), quota, records=5000, watched_seconds=600)
    assert let_through(ran.ticks, 60, 600) >= 0.8 * 45 * 9
    assert refused_share(ran.ticks, 60, 600) < 0.15, "the first minute is for learning"
    assert ran.failed == 0


@_KINDS
def test_a_limit_of_50_requests_per_second_is_found(kind: Kind) -> None:
    quota = Quota(kind, ((50, 1.0, False),))
    ran = simulate(_plan(share=0.7), quota, records=20_000, watched_seconds=60)
    assert let_through(ran.ticks, 30, 60) >= 0.8 * 50 * 30
    assert refused_share(ran.ticks, 0, 60) < 0.15
    assert ran.failed == 0


@_KINDS
@pytest.mark.parametrize(
    ("amount", "seconds", "least_share", "most_refused"),
    [
        pytest.param(45, 60.0, 0.98, 0.03, id="45 per minute"),
        pytest.param(50, 1.0, 0.91, 0.02, id="50 per second", marks=pytest.mark.slow),
    ],
)
def test_a_limit_that_was_found_is_used_up_and_hardly_ever_exceeded(
    kind: Kind, amount: int, seconds: float, least_share: float, most_refused: float
) -> None:
    """The scenarios that the benchmark draws."""
    quota = Quota(kind, ((amount, seconds, False),))
    watched = 600 if seconds == 60 else 240
    ran = simulate(_plan(share=0.7), quota, records=10**6, watched_seconds=watched)
    possible = amount / seconds * (watched - 60)
    assert let_through(ran.ticks, 60, watched) >= least_share * possible
    assert refused_share(ran.ticks, 60, watched) <= most_refused
    assert ran.failed == 0


@_KINDS
@pytest.mark.parametrize(
    ("amount", "seconds", "least_share"),
    [
        pytest.param(45, 60.0, 0.9, id="45 per minute"),
        pytest.param(50, 1.0, 0.8, id="50 per second", marks=pytest.mark.slow),
    ],
)
def test_a_limit_that_was_found_is_used_well_beside_other_faults(
    kind: Kind, amount: int, seconds: float, least_share: float
) -> None:
    """Three in a hundred are refused at random, and as many fail: neither is the limit."""
    quota = Quota(kind, ((amount, seconds, False),), unlucky=0.03, failing=0.03)
    watched = 600 if seconds == 60 else 240
    ran = simulate(_plan(share=0.7), quota, records=10**6, watched_seconds=watched)
    possible = amount / seconds * (watched - 60)
    assert let_through(ran.ticks, 60, watched) >= least_share * possible
    assert refused_share(ran.ticks, 60, watched) <= 0.1
    assert ran.failed == 0


def test_refusals_without_a_limit_slow_nothing_down_for_long() -> None:
    ran = simulate(_plan(), Quota(unlucky=0.1), records=6000)
    assert ran.succeeded == 6000
    assert ran.seconds <= 1.1 * 61


def test_reads_are_paced_by_what_their_answers_cost() -> None:
    plan = _plan(Verb.GET, packing=PackingRule(25, 4_000_000))
    ran = simulate(plan, Quota(), records=40_000, answer_bytes=lambda _record: 2000)
    assert ran.succeeded == 40_000, "1600 answers of 6 units"
    assert ran.seconds <= 1.2 * 2 * 61
    assert refused_share(ran.ticks) < 0.01
    assert most_in_any(ran.ticks, 60) <= 4000


def test_large_answers_are_asked_for_few_at_a_time() -> None:
    plan = RunPlan(Verb.GET, finds_concurrency=True)
    quota = Quota(limits=((1000, 1.0, False),))
    ran = simulate(plan, quota, records=5000, answer_bytes=lambda _record: 100_000)
    assert ran.succeeded == 5000
    assert ran.most_in_flight == plan.concurrency, "no more than it began with"


@pytest.mark.parametrize("median_bytes", [300, 900])
def test_a_forecast_gives_the_units_and_the_least_time(median_bytes: int) -> None:
    def sizes(random: Random) -> int:
        return int(median_bytes * random.lognormvariate(0, 1))

    plan = _plan(share=0.1, packing=PackingRule(25, 4_000_000))
    forecaster = Forecaster(plan)
    for record in records_of(12_000, sizes):
        forecaster.admit(record)
    forecast = forecaster.finish()
    ran = simulate(plan, Quota(), records=12_000, body_bytes=sizes)
    assert forecast.requests == len(ran.ticks)
    assert forecast.units == sum(tick.units for tick in ran.ticks)
    assert forecast.least_seconds <= ran.seconds <= 1.05 * forecast.least_seconds + 2


_IS_LONG = bool(os.environ.get("KVSCTL_LONG_TESTS"))
_LENGTHS = (1, 2, 5, 7, 10, 20, 60, 300, 1000, 3600) if _IS_LONG else (2, 10, 60, 3600)
"""Seconds of a window: from a second to an hour."""
_CONCURRENCIES = (1, 2, 8, 64) if _IS_LONG else (1, 64)
_SEEDS = range(5) if _IS_LONG else range(1)


def _unknown_window(
    kind: Kind, limit: int, seconds: float, concurrency: int, *, others: float, seed: int
) -> None:
    """Send ten windows' worth against a limit that nothing announces."""
    records = 10 * limit
    plan = RunPlan(
        Verb.SET,
        packing=_ONE_EACH,
        concurrency=concurrency,
        patience_seconds=1e9,
        give_up_after=1000,
    )
    quota = Quota(
        kind,
        ((limit, seconds, False),),
        phase_seconds=0.6 * seconds,
        unlucky=others,
        failing=others,
    )
    ran = simulate(plan, quota, records=records, seed=seed)
    assert (ran.succeeded, ran.error) == (records, None)
    answers_seconds = 0.1 * records / concurrency / (1 - 2 * others)
    least = max(9 * seconds, answers_seconds)
    assert ran.seconds - seconds <= 1.5 * least, f"{ran.seconds:.1f} s, at least {least:.1f} s"


@_KINDS
@pytest.mark.parametrize("concurrency", _CONCURRENCIES)
@pytest.mark.parametrize("others", [0.0, 0.05], ids=["alone", "with other faults"])
@pytest.mark.parametrize("seconds", _LENGTHS)
@pytest.mark.parametrize("seed", _SEEDS)
def test_an_unknown_window_of_any_length_is_used_well(
    kind: Kind, concurrency: int, others: float, seconds: float, seed: int
) -> None:
    _unknown_window(kind, 60, seconds, concurrency, others=others, seed=seed)


_NOISE_SEEDS = range(4) if _IS_LONG else range(1)


@pytest.mark.parametrize("concurrency", [1, 2, 8])
@pytest.mark.parametrize("unlucky", [0.15, 0.2, 0.3, 0.5])
@pytest.mark.parametrize("seed", _NOISE_SEEDS)
def test_refusals_at_random_cost_little_more_than_their_retries(
    concurrency: int, unlucky: float, seed: int
) -> None:
    plan = RunPlan(
        Verb.SET,
        packing=_ONE_EACH,
        concurrency=concurrency,
        patience_seconds=1e9,
        give_up_after=1000,
    )
    least = 0.1 * 1500 / concurrency / (1 - unlucky)
    quota = Quota(limits=(), unlucky=unlucky)
    ran = simulate(plan, quota, records=1500, seed=seed, watched_seconds=2 * least)
    assert (ran.succeeded, ran.error) == (1500, None), f"not all within {2 * least:.0f} s"


@pytest.mark.parametrize("seed", range(4))
def test_a_job_at_one_request_at_a_time_is_not_held_for_a_minute(seed: int) -> None:
    """60 units in 2 s, other faults beside: 240 units take 6 s after the first 60."""
    plan = RunPlan(Verb.SET, concurrency=1)
    quota = Quota("fixed", ((60, 2.0, True),), phase_seconds=0.5 * seed, failing=0.05)
    ran = simulate(plan, quota, records=1500, body_bytes=lambda _: 1500, seed=seed)
    assert (ran.succeeded, ran.error) == (1500, None)
    assert ran.seconds <= 30, "60 batches of 4 units: 8 s, and the waits after other faults"
