"""What was accepted of late, and the highest rate that it shows."""

import pytest

from kvsctl.bulk.pacing.history import History


def test_a_burst_is_spread_over_the_time_until_now() -> None:
    history = History()
    for place in range(60):
        history.add(10 + place / 100, units=2)
    found = history.sustained(70.0)
    assert found.requests == pytest.approx(1.0)
    assert found.units == pytest.approx(2.0)
    assert found.seconds == pytest.approx(60.0)


def test_slow_requests_long_before_a_burst_do_not_lower_the_rate() -> None:
    history = History()
    for second in range(600):
        history.add(second, units=1)
    for place in range(100):
        history.add(600 + place / 100, units=1)
    found = history.sustained(602.0)
    assert found.requests == pytest.approx(50, rel=0.05)
    assert found.seconds == pytest.approx(2.0, abs=0.1)


def test_memory_is_bounded_and_old_times_stay_roughly_known() -> None:
    history = History()
    for place in range(200_000):
        history.add(place / 10, units=1)
    assert len(history._marks) <= 256
    assert history.began_at == 0
    assert history.sustained(20_000.0).requests == pytest.approx(10, rel=0.01)


def test_after_clear_nothing_is_known() -> None:
    history = History()
    history.add(1.0, units=1)
    assert history
    history.clear()
    assert not history
