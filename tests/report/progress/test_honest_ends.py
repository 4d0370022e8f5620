"""The time left is true from the start, whatever the quota: whole runs on virtual time."""

import asyncio

import pytest

from kvsctl.bulk.events import Event
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.pacing.pace import Pace
from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.run import Run
from kvsctl.model import Verb
from kvsctl.report.progress.following import Following, Input
from tests.support.simulated.quota_service import Quota, QuotaService
from tests.support.simulated.simulation import records_of
from tests.support.simulated.virtual_time import Piece, run_virtual

_RECORDS = 20_000
_LOOKS_SECONDS = 0.5


class _Feed:
    """A feed of records that are always ready, and the part of them that was read."""

    def __init__(self, body_bytes: int) -> None:
        self._records = records_of(_RECORDS, lambda _: body_bytes)
        self._read = 0

    async def get(self) -> list[Piece] | None:
        pieces: list[Piece] = [piece for piece, _ in zip(self._records, range(500), strict=False)]
        self._read += len(pieces)
        return pieces or None

    def close(self) -> None:
        return None

    def fraction_read(self) -> float:
        return self._read / _RECORDS


def _looked_at(
    pace: Pace, body_bytes: int, quota: Quota
) -> tuple[list[tuple[float, float]], float]:
    """Carry out a load. Return the time left whenever it was looked at, and how long it took."""
    looks: list[tuple[float, float]] = []

    async def work() -> float:
        loop, tally, feed = asyncio.get_running_loop(), Tally(), _Feed(body_bytes)
        following = Following("set", tally, Input(feed.fraction_read), pace=pace, clock=loop.time)

        def listen(event: Event) -> None:
            if type(event) in following.wants:
                following(event)

        def look() -> None:
            if (left := following.standing().seconds_left) is not None:
                looks.append((loop.time(), left))
            if tally.succeeded < _RECORDS:
                loop.call_later(_LOOKS_SECONDS, look)

        loop.call_later(0.3, look)
        plan = RunPlan(Verb.SET, packing=PackingRule(25, 4_000_000), pace=pace)
        assert await Run(plan, QuotaService(quota), [tally, listen]).work(feed) is None
        return loop.time()

    seconds = run_virtual(work())
    return looks, seconds


@pytest.mark.parametrize("body_bytes", [100, 1000], ids=["small values", "larger values"])
@pytest.mark.parametrize("share", [280, 150])
def test_the_time_left_is_true_from_the_start(share: int, body_bytes: int) -> None:
    """A tenth of 200,000 records, at a tenth of the documented quota and less."""
    pace = Pace(requests_per_second=70, units_per_minute=share)
    looks, seconds = _looked_at(pace, body_bytes, Quota())
    assert seconds > 100
    assert looks[0][0] < 1, "there from the start"
    wrong = [(at, left) for at, left in looks if abs(at + left - seconds) > 5 + 0.05 * seconds]
    assert wrong == []
