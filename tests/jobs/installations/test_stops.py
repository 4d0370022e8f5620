"""When no other installation is begun."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import UsageError
from kvsctl.jobs.installations.limits import MostFailed
from kvsctl.jobs.installations.stops import Stops
from kvsctl.report.installations.ends import InstallationEnd


def _ended(stops: Stops, *codes: int) -> list[bool]:
    """Return after which of these installations no other one may be begun."""
    stopped = []
    for code in codes:
        stops.note(InstallationEnd("a", code))
        stopped.append(stops.error is not None)
    return stopped


@given(st.integers(1, 10_000), st.integers(1, 100), st.integers(0, 10_000))
def test_a_share_is_reached_by_as_many_and_not_by_fewer(
    total: int, percent: int, failed: int
) -> None:
    limit = MostFailed.of(f"{percent}%")
    least = max(1, -(-total * percent // 100))
    assert limit.is_reached(failed, total) == (failed >= least)


@given(st.integers(1, 1000), st.integers(0, 2000))
def test_a_number_is_reached_whatever_the_total(count: int, failed: int) -> None:
    assert MostFailed.of(str(count)).is_reached(failed, 1) == (failed >= count)


@pytest.mark.parametrize("text", ["", "0", "-1", "0%", "101%", "2,5%", "many", "1e3", "%"])
def test_any_other_limit_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="neither a number nor a percentage"):
        MostFailed.of(text)


def test_it_stops_at_the_limit() -> None:
    assert _ended(Stops(0, MostFailed.of("2"), 10), 0, 1, 0, 3, 0) == [False] * 3 + [True] * 2
    assert not any(_ended(Stops(0, None, 10), 1, 2, 3, 4))


def test_the_first_failed_canary_stops_it() -> None:
    stops = Stops(3, None, 10)
    rounds = stops.rounds()
    assert next(rounds) == 3
    assert _ended(stops, 0, 1, 0) == [False, True, True]
    assert list(rounds) == []
    assert stops.error is not None
    assert "a canary failed (a, exit code 1)" in stops.error.message


def test_canaries_that_succeed_let_the_others_begin() -> None:
    stops = Stops(2, None, 3)
    rounds = stops.rounds()
    assert next(rounds) == 2
    assert _ended(stops, 0, 0) == [False, False]
    assert next(rounds) is None
    assert _ended(stops, 1) == [False]


def test_there_are_no_more_canaries_than_installations() -> None:
    assert next(Stops(5, None, 2).rounds()) == 2
    assert list(Stops(0, None, 2).rounds()) == [None]
