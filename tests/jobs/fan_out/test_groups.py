"""Groups of installations: what their workers are given."""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from kvsctl.bulk.pacing.pace import Pace
from kvsctl.errors import ExitStatus
from kvsctl.jobs.fan_out.installations.group import pacer_after
from kvsctl.jobs.fan_out.installations.groups import Groups
from kvsctl.jobs.fan_out.installations.member import Crewing, Member
from kvsctl.jobs.fan_out.unit import Unit, UnitEnd
from kvsctl.jobs.installations.part import PartEnd
from kvsctl.jobs.installations.runs import Runs
from kvsctl.jobs.runner import NoInterrupts
from kvsctl.report.console import Environment
from tests.jobs.fan_out.units import unit_named


@pytest.mark.parametrize(("units_read", "waits"), [(0, False), (99, False), (100, True)])
def test_what_was_read_before_counts_towards_the_quota(units_read: int, waits: bool) -> None:
    async def wait_seconds(*, reads: bool) -> float:
        pacer = pacer_after(units_read, Pace(units_per_minute=100))
        return pacer.wait_seconds(1, reads=reads)

    assert (asyncio.run(wait_seconds(reads=True)) > 1) == waits
    assert asyncio.run(wait_seconds(reads=False)) <= 1, "only requests per second count for both"


class _Crew(Executor):
    """Workers that end a group when the event loop is free, and count what they work on."""

    lost: tuple[type[Exception], ...] = ()
    abort_seconds = math.inf
    gone = None

    def __init__(self, size: int) -> None:
        self.size = size
        self.at_work = self.most_at_work = 0

    @asynccontextmanager
    async def executor(self) -> AsyncIterator[Executor]:
        yield self

    def submit(  # type: ignore[override]
        self, _function: Any, unit: Unit, /, *_: Any, **__: Any
    ) -> Any:
        future, size = Future[UnitEnd](), len(unit.options)
        self.at_work += size
        self.most_at_work = max(self.most_at_work, self.at_work)

        def end() -> None:
            self.at_work -= size
            future.set_result(UnitEnd(unit.name, ExitStatus.OK))

        asyncio.get_running_loop().call_soon(end)
        return future

    def send_stop(self, status: ExitStatus, *, is_abort: bool) -> None:
        raise AssertionError((status, is_abort))

    def close(self) -> None:
        """Release the workers."""


def _unit_of(members: Sequence[Member], ends_at: float | None) -> Unit:
    assert ends_at is None
    return replace(unit_named(members[0].installation), options=members)


@pytest.mark.parametrize(
    ("at_once", "workers", "most"), [(1, 4, 1), (3, 4, 3), (4, 4, 4), (11, 4, 8), (50, 4, 20)]
)
def test_all_workers_together_keep_to_at_once(at_once: int, workers: int, most: int) -> None:
    crew, ended = _Crew(workers), list[PartEnd]()
    groups = Groups(
        Crewing(lambda: crew, _unit_of),
        Runs(NoInterrupts()),
        Environment(None, None, False, False, False, False, 80),
        ended.append,
        at_once=at_once,
        is_quiet=True,
    )
    members = [Member(f"i{number:02}") for number in range(20)]
    asyncio.run(groups.work(members, lambda: True, math.inf))
    assert len(ended) == 20
    assert crew.most_at_work == most
