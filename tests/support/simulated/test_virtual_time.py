"""The clock that jumps."""

import asyncio
import threading
import time

import pytest

from tests.support.records import record
from tests.support.simulated.virtual_time import MemoryFeed, Stalled, run_virtual


def test_time_jumps_to_the_next_timer() -> None:
    async def naps() -> list[float]:
        loop = asyncio.get_running_loop()
        times: list[float] = []

        async def nap(seconds: float) -> None:
            await asyncio.sleep(seconds)
            times.append(loop.time())

        await asyncio.gather(nap(3600), nap(1), nap(60))
        return times

    started = time.monotonic()
    assert run_virtual(naps()) == [1, 60, 3600]
    assert time.monotonic() - started < 60


def test_a_wait_that_nothing_ends_is_told() -> None:
    with pytest.raises(Stalled):
        run_virtual(asyncio.Event().wait())


def test_a_thread_may_end_a_wait() -> None:
    async def wait() -> bool:
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(event.set))
        thread.start()
        await event.wait()
        thread.join()
        return True

    assert run_virtual(wait(), waits_for_threads=True)


def test_a_feed_takes_its_steps_in_order() -> None:
    async def read() -> tuple[list[list[int]], float]:
        feed = MemoryFeed([[record(0)], 5.0, [], [record(1)]])
        lists = []
        while (pieces := await feed.get()) is not None:
            lists.append([piece.position for piece in pieces])
        return lists, asyncio.get_running_loop().time()

    assert run_virtual(read()) == ([[0], [], [1]], 5.0)
