"""Requests through bridges are invocations, which have limits of their own."""

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.pacing.app_invocations import AppInvocations, pacer_of
from kvsctl.bulk.pacing.pace import Pace
from kvsctl.bulk.pacing.pacer import Pacer
from tests.support.simulated.virtual_time import run_virtual

_UNLIMITED = Pace.of(1.0, rps=0, units_per_minute=0, is_bridged=True)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def started_in(pacers: list[Pacer], clock: Clock, seconds: float) -> list[float]:
    """Start requests as often as they may, each answered at once; return when they did."""
    starts: list[float] = []
    while clock.now < seconds:
        waits = []
        for pacer in pacers:
            while (wait_seconds := pacer.wait_seconds(1, reads=False)) <= 0:
                started = pacer.start(1, 1, reads=False)
                pacer.end(started, requests=1, units=1, is_accepted=True)
                starts.append(clock.now)
            waits.append(wait_seconds)
        assert min(waits) < math.inf
        clock.now += min(waits)
    return starts


def most_in_a_minute(starts: list[float]) -> int:
    first = most = 0
    for last, at in enumerate(starts):
        while starts[first] <= at - 60:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_an_installation_takes_5000_invocations_per_minute() -> None:
    clock = Clock()
    starts = started_in([Pacer(_UNLIMITED, clock)], clock, 200)
    assert most_in_a_minute(starts) == 5000
    assert len(starts) > 3 * 5000


def test_the_share_holds_for_invocations_and_not_for_other_targets() -> None:
    assert Pace.of(0.5, is_bridged=True).invocations_per_minute == 2500
    assert Pace.of(0.5, is_bridged=True).app_invocations_per_minute == 15_000
    assert Pace.of(0.5).invocations_per_minute is None
    clock = Clock()
    pace = Pace.of(0.5, rps=0, units_per_minute=0, is_bridged=True)
    assert most_in_a_minute(started_in([Pacer(pace, clock)], clock, 130)) == 2500


def test_ten_installations_of_an_app_take_30000_together() -> None:
    clock, app = Clock(), AppInvocations(30_000)
    pacers = [Pacer(_UNLIMITED, clock, app) for _ in range(10)]
    assert most_in_a_minute(started_in(pacers, clock, 130)) == 30_000
    alone = Clock()
    apart = [Pacer(_UNLIMITED, alone) for _ in range(10)]
    assert most_in_a_minute(started_in(apart, alone, 70)) == 50_000


@given(st.lists(st.sampled_from(["accepted", "unsent", "throttled"]), min_size=1, max_size=60))
def test_what_reached_the_function_counts(ends: list[str]) -> None:
    """A throttled request counts: it was the service that refused it."""
    clock = Clock()
    pace = Pace(invocations_per_minute=len(ends))
    app = AppInvocations(len(ends))
    pacer = Pacer(pace, clock, app)
    for end in ends:
        started = pacer.start(1, 1, reads=False)
        if end == "throttled":
            pacer.refuse(started, 0)
        else:
            count = int(end == "accepted")
            pacer.end(started, requests=count, units=count, is_accepted=end == "accepted")
    left = ends.count("unsent")
    for _ in range(left):
        assert app.wait_seconds(clock.now) <= 0
        pacer.start(1, 1, reads=True)
    assert app.wait_seconds(clock.now) > 0


def test_the_least_time_of_a_run_has_its_invocations() -> None:
    assert Pace(invocations_per_minute=100).least_seconds(1000, 1) == 540
    assert Pace(invocations_per_minute=100).least_seconds(100, 1) == 0
    assert Pace(invocations_per_minute=0.5).least_seconds(3, 1) == 120


@pytest.mark.parametrize(
    ("share", "rps", "seconds"), [(0.7, None, 122), (0.7, 100, 139), (1, None, 63)]
)
def test_after_the_last_full_minute_only_what_is_left_of_the_requests_is_spread(
    share: float, rps: float | None, seconds: int
) -> None:
    pace = Pace.of(share, rps=rps, units_per_minute=0, is_bridged=True)
    assert pace.least_seconds(9000, 9000) == seconds


def test_all_bridges_on_a_loop_share_what_their_app_may_take() -> None:
    async def many() -> tuple[int, int]:
        pace = Pace(app_invocations_per_minute=20, invocations_per_minute=15)
        pacers = [pacer_of(pace), pacer_of(pace), pacer_of(Pace())]
        starts = 0
        for pacer in pacers[:2]:
            while pacer.wait_seconds(1, reads=False) <= 0:
                pacer.start(1, 1, reads=False)
                starts += 1
        return starts, int(pacers[2].wait_seconds(1, reads=False))

    assert run_virtual(many()) == (20, 0)
    assert asyncio.run(many()) == (20, 0), "another loop shares nothing with the first"
