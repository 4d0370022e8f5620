"""The retry budget of a run."""

from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.retrying.budget import (
    CAPACITY,
    LONGEST_WAIT_SECONDS,
    PER_SECOND,
    PER_SUCCESS,
    RetryBudget,
)

_QUARTERS = st.lists(
    st.integers(0, 3).flatmap(lambda failures: st.permutations([True] + [False] * failures)),
    max_size=200,
)


@given(_QUARTERS)
def test_while_a_quarter_succeeds_no_retry_waits(quarters: list[list[bool]]) -> None:
    budget = RetryBudget()
    for succeeded in (one for quarter in quarters for one in quarter):
        if succeeded:
            budget.note_success()
        else:
            assert budget.can_spare(0.0)
            assert budget.take(0.0) == 0.0


@given(st.lists(st.one_of(st.none(), st.floats(-5, 50)), max_size=300))
def test_a_wait_is_bounded_whatever_the_clock_does(steps: list[float | None]) -> None:
    budget, now = RetryBudget(), 0.0
    for step in steps:
        if step is None:
            budget.note_success()
        else:
            now += step
            assert 0.0 <= budget.take(now) <= LONGEST_WAIT_SECONDS


def test_a_service_that_only_fails_gets_a_burst_and_then_little() -> None:
    budget, now, retries = RetryBudget(), 0.0, 0
    while now < 500:
        wait = budget.take(now)
        assert (wait == 0.0) == (retries < CAPACITY) or wait <= 1 / PER_SECOND
        now += wait
        retries += 1
    assert retries <= CAPACITY + 500 * PER_SECOND + 1


def test_a_spent_budget_can_spare_nothing_until_a_success_or_time_refills_it() -> None:
    def spent() -> RetryBudget:
        budget = RetryBudget()
        for _ in range(int(CAPACITY)):
            budget.take(7.0)
        assert not budget.can_spare(7.0)
        return budget

    budget = spent()
    budget.note_success()
    assert [budget.take(7.0) == 0.0 for _ in range(4)] == [True] * int(PER_SUCCESS) + [False]
    assert spent().can_spare(7.0 + 1 / PER_SECOND)


def test_successes_save_up_no_more_than_a_burst() -> None:
    budget = RetryBudget()
    for _ in range(1000):
        budget.note_success()
    waits = [budget.take(0.0) for _ in range(int(CAPACITY) + 1)]
    assert waits[-2:] == [0.0, 1 / PER_SECOND]
