"""When no other installation is begun."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.config.targets import Target
from kvsctl.errors import UsageError
from kvsctl.jobs.installations.limits import MostFailed
from kvsctl.jobs.installations.stops import Stops
from kvsctl.report.installations.ends import InstallationEnd


def _target(installation: str) -> Target:
    return Target(name="t", url="http://localhost", installation=installation)


def _rounds(stops: Stops, total: int) -> Iterator[list[str]]:
    for some in stops.rounds([_target(f"i{number}") for number in range(total)]):
        yield [str(target.installation) for target in some]


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
    rounds = _rounds(stops, 10)
    assert next(rounds) == ["i0", "i1", "i2"]
    assert _ended(stops, 0, 1, 0) == [False, True, True]
    assert list(rounds) == []
    assert stops.error is not None
    assert "a canary failed (a, exit code 1)" in stops.error.message
    assert stops.error.code == "FAILED_INSTALLATIONS"


def test_canaries_that_succeed_let_the_others_begin() -> None:
    stops = Stops(2, None, 3)
    rounds = _rounds(stops, 3)
    assert next(rounds) == ["i0", "i1"]
    assert _ended(stops, 0, 0) == [False, False]
    assert next(rounds) == ["i2"]
    assert _ended(stops, 1) == [False]


def test_there_are_no_more_canaries_than_installations() -> None:
    assert next(_rounds(Stops(5, None, 2), 2)) == ["i0", "i1"]
    assert list(_rounds(Stops(0, None, 2), 2)) == [["i0", "i1"]]


@pytest.mark.parametrize("canaries", [2, 3])
def test_canaries_after_which_there_is_nothing_stop_nothing(canaries: int) -> None:
    stops = Stops(canaries, None, 2)
    rounds = _rounds(stops, 2)
    assert next(rounds) == ["i0", "i1"]
    assert _ended(stops, 1, 0) == [False, False]
    assert list(rounds) == []
    resumed = Stops(canaries, None, 2)
    resumed.resume({"i0": 1, "i1": None})
    assert resumed.error is None


@given(st.integers(1, 6), st.lists(st.sampled_from([None, 0]), max_size=6), st.integers(0, 4))
def test_canaries_of_earlier_runs_have_no_substitutes(
    canaries: int, earlier: list[int | None], others: int
) -> None:
    before = {f"i{number}": code for number, code in enumerate(earlier[:canaries])}
    left = [name for name, code in before.items() if code is None]
    new = [f"n{number}" for number in range(others)]
    noted: list[str] = []
    stops = Stops(canaries, None, len(before) + others, noted.extend)
    stops.resume(before)
    rounds = [
        [str(target.installation) for target in some]
        for some in stops.rounds([_target(name) for name in [*new, *left]])
    ]
    assert noted == new[: min(canaries, len(before) + others) - len(before)]
    after = [name for name in new if name not in noted]
    assert [sorted(one) for one in rounds] == [one for one in (sorted(noted + left), after) if one]


def test_a_canary_that_an_earlier_run_has_finished_in_vain_stops_it_at_once() -> None:
    stops = Stops(1, None, 2)
    stops.resume({"a": 1})
    assert stops.error is not None
    assert "a canary failed (a, exit code 1)" in stops.error.message
    assert stops.error.code == "FAILED_INSTALLATIONS"
    assert list(_rounds(stops, 2)) == []
    without = Stops(0, None, 2)
    without.resume({"a": 1})
    assert without.error is None
