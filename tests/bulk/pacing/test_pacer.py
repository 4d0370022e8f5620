"""When the pacer lets a request start."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kvsctl.bulk.pacing.pace import Pace
from kvsctl.bulk.pacing.pacer import Pacer


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _pacer(pace: Pace = Pace()) -> tuple[Pacer, _Clock]:  # noqa: B008 - frozen
    clock = _Clock()
    return Pacer(pace, clock), clock


def _let_through(pacer: Pacer, clock: _Clock, count: int = 1) -> None:
    for _ in range(count):
        started = pacer.start(1, 1, reads=False)
        clock.now += 0.001
        pacer.end(started, requests=1, units=1, is_accepted=True)


def _refuse(pacer: Pacer, clock: _Clock, count: int = 1, asked_seconds: float = 0.0) -> None:
    starts = [pacer.start(1, 1, reads=False) for _ in range(count)]
    clock.now += 0.001
    for started in starts:
        pacer.refuse(started, asked_seconds)


def test_the_longest_hold_counts() -> None:
    pacer, clock = _pacer()
    assert pacer.held_seconds == 0
    pacer.hold(5)
    pacer.hold(2)
    assert pacer.held_seconds == 5
    assert pacer.wait_seconds(1, reads=True) == 5
    clock.now += 4
    pacer.hold(2)
    assert pacer.held_seconds == 2
    clock.now = 200.0
    assert pacer.held_seconds == 0


def test_without_limits_nothing_waits() -> None:
    pacer, _ = _pacer()
    for _ in range(5000):
        assert pacer.wait_seconds(400, reads=False) == 0
        pacer.start(400, 25, reads=False)


def test_units_count_from_the_start_until_a_minute_after_the_answer() -> None:
    pacer, clock = _pacer(Pace(units_per_minute=10))
    first = pacer.start(6, 25, reads=False)
    assert pacer.wait_seconds(5, reads=False) == math.inf, "nothing is known before an answer"
    assert pacer.wait_seconds(4, reads=False) == 0
    assert pacer.wait_seconds(10, reads=True) == 0, "reads have units of their own"
    clock.now += 20
    pacer.end(first, requests=1, units=6, is_accepted=True)
    assert 60 <= pacer.wait_seconds(5, reads=False) <= 60.2
    clock.now += 60.2
    assert pacer.wait_seconds(10, reads=False) == 0


def test_more_units_than_the_limit_may_go_alone() -> None:
    pacer, clock = _pacer(Pace(units_per_minute=10))
    large = pacer.start(1, 1, reads=False)
    assert pacer.wait_seconds(400, reads=False) > 0
    pacer.end(large, requests=1, units=1, is_accepted=True)
    clock.now += 61
    assert pacer.wait_seconds(400, reads=False) == 0


@pytest.mark.parametrize(("rate", "seconds"), [(0.5, 2.0), (0.1, 10.0), (1.0, 1.0), (1.9, 1.0)])
def test_fewer_than_two_requests_per_second_go_one_by_one(rate: float, seconds: float) -> None:
    pacer, clock = _pacer(Pace(requests_per_second=rate))
    for _ in range(5):
        _let_through(pacer, clock)
        wait_seconds = pacer.wait_seconds(1, reads=False)
        assert seconds - 0.002 <= wait_seconds <= 1.01 * seconds
        clock.now += wait_seconds


def test_a_request_that_was_never_sent_costs_nothing() -> None:
    pacer, _ = _pacer(Pace(units_per_minute=10))
    pacer.end(pacer.start(10, 1, reads=False), requests=0, units=0)
    assert pacer.wait_seconds(10, reads=False) == 0


def test_one_429_alone_teaches_nothing() -> None:
    pacer, clock = _pacer()
    for _ in range(20):
        _let_through(pacer, clock, 29)
        _refuse(pacer, clock)
        assert pacer.wait_seconds(1, reads=False) == 0


def _refuse_until_it_probes(pacer: Pacer, clock: _Clock) -> None:
    _refuse(pacer, clock, 4)
    assert pacer.is_probing


def _probe(pacer: Pacer, clock: _Clock, opens_at: float) -> int:
    """Probe as the pacer allows until the service accepts, at `opens_at`. Return how often."""
    for probes in range(1, 400):
        clock.now += pacer.wait_seconds(1, reads=False)
        if clock.now >= opens_at:
            _let_through(pacer, clock)
            return probes
        _refuse(pacer, clock)
    raise AssertionError("it probes without end")


def test_consecutive_429s_make_one_request_at_a_time_probe() -> None:
    pacer, clock = _pacer()
    _let_through(pacer, clock, 50)
    _refuse_until_it_probes(pacer, clock)
    assert 0 < pacer.wait_seconds(1, reads=False) <= 2, "a second or two at first"
    assert pacer.wait_seconds(1, reads=True) == 0, "reads have a limit of their own"
    clock.now += pacer.wait_seconds(1, reads=False)
    pacer.start(1, 1, reads=False)
    assert pacer.wait_seconds(1, reads=False) == math.inf


@pytest.mark.parametrize("window_seconds", [1.0, 2.0, 7.0, 60.0, 3600.0])
def test_a_window_of_any_length_is_noticed_soon_after_it_opens(window_seconds: float) -> None:
    pacer, clock = _pacer()
    began = clock.now
    _let_through(pacer, clock, 45)
    _refuse_until_it_probes(pacer, clock)
    probes = _probe(pacer, clock, began + window_seconds)
    assert clock.now - began <= 1.3 * window_seconds + 0.2
    assert probes <= 300


def _learn_a_window(pacer: Pacer, clock: _Clock, seconds: float) -> None:
    for _ in range(2):
        began = clock.now
        _let_through(pacer, clock, 45)
        assert pacer.wait_seconds(1, reads=False) == 0, "one window is not trusted"
        _refuse_until_it_probes(pacer, clock)
        _probe(pacer, clock, began + seconds)


def test_after_two_short_windows_that_agree_requests_are_spread_evenly() -> None:
    pacer, clock = _pacer()
    _learn_a_window(pacer, clock, 5.0)
    began = clock.now
    for _ in range(20):
        clock.now += pacer.wait_seconds(1, reads=False)
        _let_through(pacer, clock)
    assert clock.now - began == pytest.approx(20 * 5 / 45, rel=0.2)


def test_after_two_long_windows_that_agree_a_window_is_used_up_as_soon_as_it_opens() -> None:
    pacer, clock = _pacer()
    _learn_a_window(pacer, clock, 60.0)
    for _ in range(3):
        opened = clock.now
        _let_through(pacer, clock, 45)  # and the one that opened it
        assert clock.now - opened < 1
        assert not pacer.is_probing, "nothing was refused"
        assert 58 < pacer.wait_seconds(1, reads=False) < 64
        clock.now += pacer.wait_seconds(1, reads=False)
        _let_through(pacer, clock)


def test_near_the_end_of_a_window_one_request_is_in_flight() -> None:
    pacer, clock = _pacer()
    _learn_a_window(pacer, clock, 60.0)
    _let_through(pacer, clock, 43)
    for _ in range(2):
        assert pacer.wait_seconds(1, reads=False) == 0
        pacer.start(1, 1, reads=False)
    assert pacer.wait_seconds(1, reads=False) == math.inf


def test_a_learnt_rate_that_the_service_contradicts_is_dropped() -> None:
    pacer, clock = _pacer()
    for seconds in (2, 2):
        began = clock.now
        _let_through(pacer, clock, 45)
        _refuse_until_it_probes(pacer, clock)
        _probe(pacer, clock, began + seconds)
    _let_through(pacer, clock, 5)
    assert pacer.wait_seconds(1, reads=False) > 0, "it is learnt"
    _refuse_until_it_probes(pacer, clock)
    _probe(pacer, clock, clock.now + 60)
    _let_through(pacer, clock, 3)
    assert pacer.wait_seconds(1, reads=False) == 0


def test_requests_of_others_that_used_the_window_up_teach_nothing() -> None:
    pacer, clock = _pacer()
    _let_through(pacer, clock, 3)
    _refuse_until_it_probes(pacer, clock)
    _probe(pacer, clock, clock.now + 40)
    for _ in range(300):
        assert pacer.wait_seconds(1, reads=False) == 0
        _let_through(pacer, clock)


def test_a_retry_after_holds_all_requests_back() -> None:
    pacer, clock = _pacer()
    _refuse(pacer, clock, asked_seconds=7.0)
    assert 6.9 < pacer.wait_seconds(1, reads=True) <= 7


def test_reads_are_expected_to_cost_what_they_did() -> None:
    pacer, _ = _pacer(Pace(units_per_minute=100))
    assert pacer.expected_units(25) == 1
    pacer.note_read(25, 50)
    assert pacer.expected_units(25) == 50
    for _ in range(100):
        pacer.note_read(25, 10)
    assert pacer.expected_units(25) <= 11


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 30), st.floats(0.0, 20.0), st.floats(0.0, 9.0)), max_size=60)
)
@example([(21, 0.0, 0.0), (30, 8.0, 0.0), (21, 0.0, 0.0), (30, 0.0, 0.0)])
def test_no_minute_is_ever_charged_more_than_it_may(
    requests: list[tuple[int, float, float]],
) -> None:
    """The service may charge a request at any time between its start and its answer."""
    pacer, clock = _pacer(Pace(units_per_minute=50))
    charges: list[tuple[float, int]] = []
    for units, latency_seconds, charged_after in requests:
        clock.now += pacer.wait_seconds(units, reads=False)
        started = pacer.start(units, 1, reads=False)
        charges.append((clock.now + min(charged_after, latency_seconds), units))
        clock.now += latency_seconds
        pacer.end(started, requests=1, units=units, is_accepted=True)
    for at, _ in charges:
        assert sum(units for when, units in charges if at - 60 < when <= at) <= 50
