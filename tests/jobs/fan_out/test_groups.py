"""Groups of installations: what their workers are given."""

import asyncio

import pytest

from kvsctl.bulk.pacing.pace import Pace
from kvsctl.jobs.fan_out.installations.group import pacer_after


@pytest.mark.parametrize(("units_read", "waits"), [(0, False), (99, False), (100, True)])
def test_what_was_read_before_counts_towards_the_quota(units_read: int, waits: bool) -> None:
    async def wait_seconds(*, reads: bool) -> float:
        pacer = pacer_after(units_read, Pace(units_per_minute=100))
        return pacer.wait_seconds(1, reads=reads)

    assert (asyncio.run(wait_seconds(reads=True)) > 1) == waits
    assert asyncio.run(wait_seconds(reads=False)) <= 1, "only requests per second count for both"
