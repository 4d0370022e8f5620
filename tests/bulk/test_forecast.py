"""Forecasts: what a run will need."""

from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.forecast import Forecaster, cost_usd
from kvsctl.bulk.pacing.pace import Pace
from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.settling.precondition import Precondition, WriteIf
from kvsctl.model import Record, Verb
from tests.support.books import carry_out
from tests.support.records import problem, record, slab_of
from tests.support.simulated.model_service import ModelService


def _records(count: int, seed: int = 5) -> list[Record]:
    random = Random(seed)
    return [
        record(place, f"k{place}", body_bytes=max(40, int(600 * random.lognormvariate(0, 1))))
        for place in range(count)
    ]


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize("rule", [PackingRule(25, 4_000_000), PackingRule(7, 9_000)])
def test_a_run_sends_what_was_forecast(verb: Verb, rule: PackingRule) -> None:
    plan = RunPlan(verb, packing=rule)
    forecaster = Forecaster(plan)
    for one in _records(3000):
        forecaster.admit(one)
    forecast = forecaster.finish()
    ran = carry_out(plan, [list(_records(3000))], ModelService(rule=rule))
    assert forecast.requests == len(ran.books.requests)
    assert forecast.records == 3000
    assert forecast.are_units_least == (verb is Verb.GET)
    units = sum(request.units for request in ran.books.requests)
    assert forecast.units == units


@given(st.data(), st.sampled_from(Verb), st.sampled_from(list(WriteIf)))
def test_a_forecast_of_slabs_is_that_of_their_records(
    data: st.DataObject, verb: Verb, write_if: WriteIf
) -> None:
    plan = RunPlan(
        verb,
        packing=PackingRule(data.draw(st.integers(1, 6)), 700),
        window_bytes=data.draw(st.sampled_from([500, 16_000_000])),
        precondition=Precondition(write_if if verb is Verb.SET else WriteIf.ALWAYS),
    )
    names = st.lists(st.sampled_from([f"k{n}" for n in range(30)]), max_size=40)
    sizes = st.integers(40, 90)
    whole, each = Forecaster(plan), Forecaster(plan)
    position = 0
    for part in data.draw(st.lists(names, max_size=4)):
        records = [
            record(place, name, body_bytes=data.draw(sizes))
            for place, name in enumerate(part, position)
        ]
        position += len(records) + 1
        whole.admit_all(slab_of(records))
        whole.admit_all([problem(position - 1)])
        for one in records:
            each.admit(one)
        assert whole.held_bytes == each.held_bytes
    assert whole.finish() == each.finish()


@pytest.mark.parametrize("write_if", [WriteIf.CHANGED, WriteIf.ABSENT])
def test_reads_before_writes_are_forecast_as_if_all_were_written(write_if: WriteIf) -> None:
    plan = RunPlan(Verb.SET, precondition=Precondition(write_if))
    forecaster = Forecaster(plan)
    for one in _records(3000):
        forecaster.admit(one)
    forecast = forecaster.finish()
    ran = carry_out(plan, [list(_records(3000))], ModelService())
    kinds = [request.verb for request in ran.books.requests]
    assert (forecast.records, forecast.reads) == (3000, kinds.count(Verb.GET)) == (3000, 120)
    assert forecast.requests == pytest.approx(kinds.count(Verb.SET), rel=0.05)
    assert forecast.bytes_sent >= sum(len(one.body) for one in _records(3000))
    price = cost_usd(Verb.SET, forecast)
    assert price == pytest.approx((120 * 1000 * 0.055 + forecast.bytes_sent * 1.09) / 1e9)


def test_the_least_time_of_reads_before_writes_is_that_of_the_reads() -> None:
    pace = Pace(units_per_minute=1)
    plan = RunPlan(Verb.SET, pace=pace, precondition=Precondition(WriteIf.CHANGED))
    forecaster = Forecaster(plan)
    for place in range(75):
        forecaster.admit(record(place, f"k{place}", body_bytes=9000))
    assert forecaster.finish().least_seconds == 120


def test_records_that_are_set_alone_are_forecast_one_by_one() -> None:
    condition = Precondition(WriteIf.ABSENT_EXACT)
    plan = RunPlan(Verb.SET, packing=PackingRule(1, 4_000_000), precondition=condition)
    forecaster = Forecaster(plan)
    for place in range(10):
        forecaster.admit(record(place, f"k{place}"))
    forecast = forecaster.finish()
    assert (forecast.requests, forecast.units, forecast.reads) == (10, 10, 0)


def test_replaced_records_are_not_sent() -> None:
    plan = RunPlan(Verb.SET)
    forecaster = Forecaster(plan)
    for place in range(10):
        forecaster.admit(record(place, f"k{place % 4}"))
    forecast = forecaster.finish()
    assert (forecast.records, forecast.duplicates, forecast.requests) == (4, 6, 1)


@pytest.mark.parametrize("write_if", list(WriteIf))
@pytest.mark.parametrize("in_slabs", [False, True])
def test_expired_records_are_not_sent(write_if: WriteIf, in_slabs: bool) -> None:
    plan = RunPlan(Verb.SET, precondition=Precondition(write_if))
    noted: list[int] = []
    now = datetime.fromtimestamp(1000, UTC)
    forecaster = Forecaster(plan, lambda sent: noted.extend(one.position for one in sent), now)
    ends = [None, 1000.0, 1001.0, 2.0]
    records = [record(place, f"k{place}", expires_at=ends[place % 4]) for place in range(100)]
    forecaster.admit_all(slab_of(records) if in_slabs else records)
    forecast = forecaster.finish()
    assert (forecast.records, forecast.expired) == (50, 50)
    assert sorted(noted) == [place for place in range(100) if place % 2 == 0]


def test_a_request_of_expired_records_alone_is_not_sent() -> None:
    forecaster = Forecaster(RunPlan(Verb.SET), now=datetime.fromtimestamp(1000, UTC))
    forecaster.admit(record(0, expires_at=1.0))
    forecast = forecaster.finish()
    assert (forecast.expired, forecast.records, forecast.requests) == (1, 0, 0)
    assert (forecast.units, forecast.bytes_sent) == (0, 0)


def test_keys_that_are_read_twice_are_asked_for_once() -> None:
    forecaster = Forecaster(RunPlan(Verb.GET))
    for place in range(10):
        forecaster.admit(record(place, f"k{place % 4}"))
    forecast = forecaster.finish()
    assert (forecast.records, forecast.requests) == (10, 1)


def test_memory_is_bounded_by_the_window() -> None:
    plan = RunPlan(Verb.SET, window_bytes=100_000)
    forecaster = Forecaster(plan)
    for place in range(30):
        forecaster.admit(record(place, f"k{place}", body_bytes=30_000))
        assert forecaster.held_bytes <= 100_000 + 30_000


@pytest.mark.parametrize(
    ("pace", "requests", "units", "seconds"),
    [
        (Pace(), 10**6, 10**6, 0),
        (Pace.of(1.0), 6000, 6000, 61),
        (Pace.of(1.0), 4000, 4000, 3),
        (Pace.of(0.5), 6000, 6000, 123),
        (Pace.of(1.0, rps=0), 6000, 6000, 60),
        (Pace.of(1.0, units_per_minute=0, rps=50), 3000, 6000, 59),
        (Pace.of(0.1, units_per_minute=100), 1, 400, 180),
        (Pace.of(1.0), 0, 0, 0),
        (Pace.of(1.0, rps=0.5), 3, 3, 4),
        (Pace.of(1.0, rps=1.5), 3, 3, 2),
    ],
)
def test_the_least_time_is_that_of_full_windows(
    pace: Pace, requests: int, units: int, seconds: float
) -> None:
    assert pace.least_seconds(requests, units) == pytest.approx(seconds)
