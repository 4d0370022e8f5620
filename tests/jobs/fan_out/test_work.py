"""Units go to any executor, one per worker at a time; what dies is given again."""

import asyncio
import gc
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, Future
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import ExitStatus
from kvsctl.jobs.fan_out.unit import Unit, UnitEnd
from kvsctl.jobs.fan_out.work import MOST_DEATHS, FanOut
from tests.jobs.fan_out.units import unit_named


class _DiedError(Exception):
    pass


class _Executor(Executor):
    """Ends each unit when the loop is free, or dies as often as the crew says."""

    def __init__(self, crew: "_Crew") -> None:
        self._crew = crew
        self.is_open = True

    def submit(  # type: ignore[override]
        self, _function: Any, unit: Unit, /, *_: Any, **__: Any
    ) -> Any:
        assert self.is_open
        crew, future = self._crew, Future[UnitEnd]()
        crew.runs[unit.name] += 1
        crew.in_flight += 1
        crew.most_in_flight = max(crew.most_in_flight, crew.in_flight)

        def end() -> None:
            crew.in_flight -= 1
            if crew.runs[unit.name] <= crew.deaths.get(unit.name, 0):
                self.is_open = False
                future.set_exception(_DiedError())
            else:
                future.set_result(UnitEnd(unit.name, ExitStatus.OK))

        asyncio.get_running_loop().call_soon(end)
        return future


class _Crew:
    lost: tuple[type[Exception], ...] = (_DiedError,)
    abort_seconds = math.inf
    gone: tuple[str, str] | None = None

    def __init__(self, size: int, deaths: dict[str, int]) -> None:
        self.size, self.deaths = size, deaths
        self.runs: Counter[str] = Counter()
        self.in_flight = self.most_in_flight = 0
        self.orders: list[tuple[ExitStatus, bool]] = []

    @asynccontextmanager
    async def executor(self) -> AsyncIterator[Executor]:
        yield _Executor(self)

    def send_stop(self, status: ExitStatus, *, is_abort: bool) -> None:
        self.orders.append((status, is_abort))

    def close(self) -> None:
        raise AssertionError("a crew is closed by its user")


def _work(units: list[Unit], crew: _Crew) -> list[UnitEnd]:
    ends: list[UnitEnd] = []
    fan_out = FanOut(units, crew, ends.append, lambda _: None, lambda: None)
    asyncio.run(fan_out.work())
    return ends


@given(
    st.integers(0, 12),
    st.integers(1, 5),
    st.dictionaries(st.integers(0, 11).map(str), st.integers(1, MOST_DEATHS + 1)),
)
def test_every_unit_ends_once_whoever_dies(count: int, size: int, deaths: dict[str, int]) -> None:
    crew = _Crew(size, deaths)
    ends = _work([unit_named(str(n)) for n in range(count)], crew)
    assert Counter(end.name for end in ends) == Counter(map(str, range(count)))
    assert crew.most_in_flight <= size
    for end in ends:
        died = deaths.get(end.name, 0) >= MOST_DEATHS
        assert end.status is (ExitStatus.STREAM if died else ExitStatus.OK)
        assert crew.runs[end.name] == min(deaths.get(end.name, 0) + 1, MOST_DEATHS)
    assert crew.orders == []


def test_what_must_not_be_repeated_is_given_once() -> None:
    crew = _Crew(1, {"a": 1})
    (end,) = _work([unit_named("a", is_repeatable=False)], crew)
    assert crew.runs["a"] == 1
    assert end.errors == [
        ("a: its worker died, and it must not be repeated", "Run the same command again.")
    ]


@pytest.mark.parametrize("is_abort", [False, True])
def test_a_stop_takes_no_new_units_and_stops_those_in_flight(is_abort: bool) -> None:
    crew, ends = _Crew(2, {}), list[UnitEnd]()
    units = [unit_named(str(n)) for n in range(9)]

    def take(end: UnitEnd) -> None:
        ends.append(end)
        if len(ends) == 2:
            (fan_out.abort if is_abort else fan_out.stop)()

    fan_out = FanOut(units, crew, take, lambda _: None, lambda: ExitStatus.INTERRUPTED)
    asyncio.run(fan_out.work())
    assert len(ends) <= 3
    assert set(crew.orders) >= {(ExitStatus.INTERRUPTED, is_abort)}


class _Silent(Executor):
    """Never ends a unit."""

    def __init__(self, begun: Callable[[Future[UnitEnd]], None]) -> None:
        self._begun = begun

    def submit(self, *_: Any, **__: Any) -> Any:
        future = Future[UnitEnd]()
        self._begun(future)
        return future


class _SilentCrew(_Crew):
    """Workers that do not answer. `begun` is called with each future."""

    def __init__(self, size: int, begun: Callable[[Future[UnitEnd]], None]) -> None:
        super().__init__(size, {})
        self._begun = begun

    @asynccontextmanager
    async def executor(self) -> AsyncIterator[Executor]:
        yield _Silent(self._begun)


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_without_a_connection_no_unit_is_given_again_or_waited_for(is_cancelled: bool) -> None:
    def lose(future: Future[UnitEnd]) -> None:
        crew.gone = "lost the scheduler", "Start it."
        if is_cancelled:
            future.cancel()

    crew = _SilentCrew(2, lose)
    ends = _work([unit_named(str(n)) for n in range(5)], crew)
    assert sorted(end.name for end in ends) == ["0", "1", "2", "3", "4"]
    assert {end.status for end in ends} == {ExitStatus.UNREACHABLE}
    assert ends[0].errors == [(f"{ends[0].name}: lost the scheduler", "Start it.")]


def test_units_that_do_not_end_after_an_abort_are_left_behind() -> None:
    async def work() -> list[UnitEnd]:
        ends: list[UnitEnd] = []

        def stop_twice(_future: Future[UnitEnd]) -> None:
            asyncio.get_running_loop().call_soon(fan_out.stop)
            asyncio.get_running_loop().call_soon(fan_out.abort)

        crew = _SilentCrew(1, stop_twice)
        crew.abort_seconds = 0.0
        units = [unit_named("a"), unit_named("b")]
        fan_out = FanOut(units, crew, ends.append, lambda _: None, lambda: ExitStatus.TERMINATED)
        await fan_out.work()
        return ends

    (end,) = asyncio.run(work())
    assert (end.name, end.status) == ("a", ExitStatus.TERMINATED)


def test_a_unit_that_was_left_behind_may_fail_later_without_a_word() -> None:
    reported: list[dict[str, Any]] = []

    async def work() -> None:
        loop, futures = asyncio.get_running_loop(), list[Future[UnitEnd]]()
        loop.set_exception_handler(lambda _, context: reported.append(context))

        def lose(future: Future[UnitEnd]) -> None:
            futures.append(future)
            crew.gone = "lost the scheduler", "Start it."

        crew = _SilentCrew(1, lose)
        await FanOut([unit_named("a")], crew, lambda _: None, lambda _: None, lambda: None).work()
        futures.pop().set_exception(_DiedError())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gc.collect()

    asyncio.run(work())
    gc.collect()
    assert reported == []
