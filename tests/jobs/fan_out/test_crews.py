"""Crews of processes."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any
from unittest.mock import patch

from kvsctl.jobs.fan_out.crews import ProcessCrew
from kvsctl.jobs.fan_out.dask_crew import DaskCrew


class _HangingExecutor(Executor):
    """An executor whose worker hangs: it ends when the event loop says so."""

    def __init__(self, ended: threading.Event, *_: Any, **__: Any) -> None:
        self._ended = ended
        self.is_shut_down = self.has_ended = False

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        del wait, cancel_futures
        self.is_shut_down = True
        self.has_ended = self._ended.wait(10)


def _is_closed_by_the_loop(crew_of: Callable[[_HangingExecutor], Any]) -> bool:
    """Return whether the loop works on while the executor of a crew closes."""
    ended = threading.Event()
    executor = _HangingExecutor(ended)

    async def work() -> None:
        async with crew_of(executor).executor():
            asyncio.get_running_loop().call_later(0.01, ended.set)

    asyncio.run(work())
    return executor.has_ended


def test_the_loop_works_on_while_a_worker_hangs_at_its_end() -> None:
    with patch("kvsctl.jobs.fan_out.crews.ProcessPoolExecutor") as pool:

        def crew_of(executor: _HangingExecutor) -> ProcessCrew:
            pool.return_value = executor
            return ProcessCrew("fan-out", 1)

        assert _is_closed_by_the_loop(crew_of)


def test_futures_of_a_cluster_are_not_waited_for_at_the_end() -> None:
    class Client:
        def get_executor(self, **_: Any) -> _HangingExecutor:
            return executor

    async def work() -> None:
        async with crew.executor() as used:
            assert used is executor

    executor = _HangingExecutor(threading.Event())
    crew = DaskCrew.__new__(DaskCrew)
    crew._client = Client()
    asyncio.run(work())
    assert not executor.is_shut_down
