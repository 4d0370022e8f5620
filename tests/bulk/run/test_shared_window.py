"""What several runs have in memory together is bounded, and none waits for another."""

import asyncio
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk import shared_window
from kvsctl.bulk.feeds import ReadyFeed
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.run import Run
from kvsctl.bulk.shared_window import SharedWindow
from kvsctl.model import Verb
from tests.support.outcomes import record
from tests.support.simulated.model_service import ModelService
from tests.support.simulated.virtual_time import run_virtual

_MOST, _LEAST = 1000, 50


class _Run:
    """What a run has admitted."""

    def __init__(self, admitted: int = 0, admitted_bytes: int = 0) -> None:
        self.admitted, self.admitted_bytes = admitted, admitted_bytes


@pytest.fixture(autouse=True)
def _small() -> Iterator[None]:
    with (
        patch.object(shared_window, "_MOST_RECORDS", _MOST),
        patch.object(shared_window, "_LEAST_RECORDS", _LEAST),
        patch.object(shared_window, "_MOST_BYTES", 100 * _MOST),
        patch.object(shared_window, "_LEAST_BYTES", 100 * _LEAST),
    ):
        yield


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(1, 400)), max_size=200))
def test_all_together_keep_to_the_bound_and_each_has_a_few(steps: list[tuple[int, int]]) -> None:
    """Each step, a run admits all that it may, or settles some."""
    window, runs = SharedWindow(), [_Run() for _ in range(20)]
    for run in runs:
        window.join(run)
    for number, wanted in steps:
        run = runs[number]
        records, most_bytes = window.of_run(run, 400, 40_000)
        assert records >= _LEAST
        assert most_bytes >= 100 * _LEAST
        if wanted % 3:
            run.admitted = max(run.admitted, min(records, run.admitted + wanted))
        else:
            run.admitted = max(0, run.admitted - wanted)
        run.admitted_bytes = 100 * run.admitted
        assert sum(one.admitted for one in runs) <= _MOST + len(runs) * _LEAST


def test_the_last_run_has_the_window_that_it_would_have_alone() -> None:
    window, run, others = SharedWindow(), _Run(60), [_Run(200) for _ in range(5)]
    for one in (run, *others):
        window.join(one)
    assert window.of_run(run, 400, 10**9)[0] == _LEAST
    for one in others:
        window.leave(one)
    assert window.of_run(run, 400, 90_000) == (400, 90_000)


def test_runs_that_share_a_window_settle_everything() -> None:
    async def work() -> list[int]:
        window = SharedWindow()
        plan = RunPlan(Verb.SET, shared_window=window)
        held: list[int] = []
        real = window.of_run

        def note(*given: object) -> tuple[int, int]:
            held.append(sum(one.admitted for one in window._runs))
            return real(*given)  # type: ignore[arg-type]

        with patch.object(window, "of_run", note):
            services = [ModelService() for _ in range(10)]
            runs = [Run(plan, service, []) for service in services]
            feeds = [ReadyFeed([[record(at, f"k{at}") for at in range(700)]]) for _ in runs]
            errors = await asyncio.gather(
                *(run.work(feed) for run, feed in zip(runs, feeds, strict=True))
            )
        assert errors == [None] * len(runs)
        assert [len(service.store) for service in services] == [700] * len(runs)
        assert window._runs == []
        return held

    assert _MOST / 2 < max(run_virtual(work())) <= _MOST + 10 * _LEAST < 10 * 700


@pytest.mark.parametrize(
    ("count", "value_bytes", "is_alone"),
    [(_LEAST, 1, True), (_LEAST + 1, 1, False), (_LEAST, 4 * _LEAST, False)],
    ids=["few", "more", "large"],
)
def test_a_run_looks_at_others_only_if_it_wants_more_than_each_may_have(
    count: int, value_bytes: int, is_alone: bool
) -> None:
    async def work() -> int:
        window, service = SharedWindow(), ModelService()
        window.join(_Run(2 * _MOST, 200 * _MOST))
        bodies = [f'{{"key":"k{at}","value":"{"x" * value_bytes}"}}' for at in range(count)]
        records = [record(at, f"k{at}", body=body) for at, body in enumerate(bodies)]
        with patch.object(window, "of_run", wraps=window.of_run) as looked:
            run = Run(RunPlan(Verb.SET, shared_window=window), service, [])
            assert await run.work(ReadyFeed([records])) is None
        assert len(service.store) == count
        return looked.call_count

    assert (run_virtual(work()) == 0) is is_alone
