"""Requests in this process are cut off at their deadlines, and at no other time."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from kvsctl.service.transport.deadlines import Deadlines
from tests.support.simulated.virtual_time import run_virtual


async def _ended(deadlines: Deadlines, seconds: float, *, begin: float = 0.0) -> tuple[str, float]:
    """Work for some seconds; return how it ended, and when."""
    await asyncio.sleep(begin)
    end = "done"
    try:
        with deadlines.begin():
            await asyncio.sleep(seconds)
    except TimeoutError:
        end = "too late"
    return end, asyncio.get_running_loop().time()


def _all_ended(seconds: float, works: Sequence[tuple[float, float]]) -> list[tuple[str, float]]:
    async def work() -> list[tuple[str, float]]:
        deadlines = Deadlines(seconds)
        started = asyncio.get_running_loop().time()
        ends = await asyncio.gather(
            *(_ended(deadlines, needed, begin=begin) for begin, needed in works)
        )
        deadlines.close()
        return [(end, round(at - started, 6)) for end, at in ends]

    return run_virtual(work())


def test_each_request_has_its_own_deadline() -> None:
    works = [(0, 9), (0, 10.5), (3, 2), (4, 11), (4, 99), (30, 1), (40, 11)]
    assert _all_ended(10, works) == [
        ("done", 9),
        ("too late", 10),
        ("done", 5),
        ("too late", 14),
        ("too late", 14),
        ("done", 31),
        ("too late", 50),
    ]


def _cancelled_while(work: Coroutine[Any, Any, None], seconds: float) -> bool:
    """Cancel `work` after some seconds; return whether it ended by that."""

    async def run() -> bool:
        task = asyncio.create_task(work)
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    return run_virtual(run())


def test_a_request_that_is_cancelled_is_not_too_late() -> None:
    async def work() -> None:
        with Deadlines(10).begin():
            await asyncio.sleep(20)

    assert _cancelled_while(work(), 5)


def test_a_cancellation_at_the_deadline_is_not_lost() -> None:
    async def work() -> None:
        with Deadlines(10).begin():
            try:
                await asyncio.sleep(20)
            finally:
                await asyncio.sleep(5)  # cleans up, and is cancelled while it does

    assert _cancelled_while(work(), 12)


def test_a_request_that_ends_late_but_well_is_cancelled_once() -> None:
    async def late(deadlines: Deadlines) -> int:
        with deadlines.begin():
            try:
                await asyncio.sleep(2)
            except asyncio.CancelledError:
                await asyncio.sleep(5)  # meanwhile the timer of the other request fires
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    async def work() -> tuple[int, tuple[str, float]]:
        deadlines = Deadlines(1)
        other = asyncio.create_task(_ended(deadlines, 3, begin=0.5))
        return await late(deadlines), await other

    assert run_virtual(work()) == (0, ("too late", 1.5))


def test_another_error_after_the_deadline_is_raised_as_it_is() -> None:
    async def work() -> None:
        with Deadlines(1).begin():
            try:
                await asyncio.sleep(2)
            except asyncio.CancelledError:
                raise ValueError("other") from None

    with pytest.raises(ValueError, match="other"):
        run_virtual(work())


def test_closing_leaves_no_timer() -> None:
    async def work() -> None:
        deadlines = Deadlines(10)
        with deadlines.begin():
            deadlines.close()
            await asyncio.sleep(20)

    run_virtual(work())
