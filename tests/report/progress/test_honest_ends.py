"""The time left is true from the start, whatever the quota: whole runs on virtual time."""

import asyncio
from itertools import pairwise
from typing import NamedTuple

import pytest

from kvsctl.bulk.events import Event, Waiting
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.pacing.pace import Pace
from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.run import Run
from kvsctl.model import Verb
from kvsctl.report.progress.estimate import Done, RequiredWaits
from kvsctl.report.progress.following import Following, Input
from tests.support.simulated.quota_service import Kind, Quota, QuotaService
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


class _Look(NamedTuple):
    """The time left at a moment, whether that is the least, and the end of the latest wait."""

    at: float
    left: float
    is_least: bool
    waits_until: float


def _looked_at(pace: Pace, body_bytes: int, quota: Quota) -> tuple[list[_Look], float]:
    """Carry out a load. Return what was seen whenever it was looked at, and how long it took."""
    looks: list[_Look] = []
    waits_until = [0.0]

    async def work() -> float:
        loop, tally, feed = asyncio.get_running_loop(), Tally(), _Feed(body_bytes)
        following = Following("set", tally, Input(feed.fraction_read), pace=pace, clock=loop.time)

        def listen(event: Event) -> None:
            if type(event) in following.wants:
                following(event)
            if isinstance(event, Waiting):
                waits_until[0] = loop.time() + event.wait_seconds

        def look() -> None:
            standing = following.standing()
            if (left := standing.seconds_left) is not None:
                looks.append(_Look(loop.time(), left, standing.is_least, waits_until[0]))
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
    wrong = [one for one in looks if abs(one.at + one.left - seconds) > 5 + 0.05 * seconds]
    assert wrong == []
    assert not any(one.is_least for one in looks), "the service refuses nothing"
    _require_honest_pauses(looks)


@pytest.mark.parametrize("kind", ["fixed", "sliding", "bucket"])
@pytest.mark.parametrize("announces", [True, False])
def test_the_time_left_knows_the_quota_that_the_service_keeps_to(
    kind: Kind, *, announces: bool
) -> None:
    """A quota that is far below the given one: 20 requests in each 20 seconds."""
    pace = Pace(requests_per_second=700, units_per_minute=2800)
    quota = Quota(kind, ((20, 20.0, True),), announces=announces)
    looks, seconds = _looked_at(pace, 100, quota)
    assert seconds > 300
    later = [one for one in looks if one.at > 0.15 * seconds]
    wrong = [one for one in later if abs(one.at + one.left - seconds) > 5 + 0.15 * seconds]
    assert wrong == []
    assert not any(one.is_least for one in later)
    refused = [one for one in looks if one.waits_until]  # before, nobody can know
    low = [one for one in refused if one.at + one.left < 0.8 * seconds]
    assert [one for one in low if not one.is_least] == [], "too low, and not said to be the least"
    assert any(one.is_least for one in refused)
    _require_honest_pauses(looks)


def _require_honest_pauses(looks: list[_Look]) -> None:
    """The time left is no less than what is left of the wait beside it, and it does not grow."""
    assert [one for one in looks if one.left < one.waits_until - one.at - 0.001] == []
    grown = [
        (before, after)
        for before, after in pairwise(looks)
        if after.waits_until == before.waits_until > after.at and after.left > before.left
    ]
    assert grown == []


def test_a_wait_that_is_prolonged_is_one() -> None:
    required = RequiredWaits()
    required.wait(0.0, 4.0, 0)
    assert not required, "nothing was settled before it"
    required.wait(5.0, 13.0, 500)
    required.wait(18.0, 7.0, 500)
    assert required.waited_seconds(30.0) == 24.0
    done = Done(500, 20, 20, 25.0, required.waited_seconds(25.0))
    assert required.seconds_left(25.0, 1000, done) == 20.0 + 1.0 * 1000 / 500
