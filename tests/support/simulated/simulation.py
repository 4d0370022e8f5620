"""Whole runs against a simulated service, on virtual time: minutes in a moment."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random

from kvsctl.bulk.events import Event, Settled
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.run import Run
from kvsctl.errors import KvsctlError
from kvsctl.model import Identity, Record, State
from tests.support.simulated.quota_service import Quota, QuotaService, Tick
from tests.support.simulated.virtual_time import Piece, run_virtual

_LIST: int = 500


@dataclass(slots=True)
class Simulated:
    """The end of a run. `seconds`: how long it took, or was watched."""

    seconds: float
    succeeded: int
    failed: int
    ticks: list[Tick]
    most_in_flight: int
    error: KvsctlError | None


class _Feed:
    """A feed of records that are always ready."""

    def __init__(self, records: Iterator[Record]) -> None:
        self._records = records

    async def get(self) -> list[Piece] | None:
        pieces: list[Piece] = []
        pieces.extend(islice(self._records, _LIST))
        return pieces or None

    def close(self) -> None:
        return None


def records_of(count: int, body_bytes: Callable[[Random], int]) -> Iterator[Record]:
    """Yield records of random sizes, the same each time."""
    random = Random(3)
    for place in range(count):
        key = f"k{place}"
        head = b'{"key":"%b","value":"' % key.encode()
        fill = max(0, body_bytes(random) - len(head) - 2)
        body = head + b"x" * fill + b'"}'
        yield Record(place, "in", place + 1, Identity(None, key), body)


def simulate(
    plan: RunPlan,
    quota: Quota,
    *,
    records: int,
    body_bytes: Callable[[Random], int] = lambda _random: 100,
    latency_seconds: float = 0.1,
    answer_bytes: Callable[[Record], int] = lambda _record: 100,
    watched_seconds: float | None = None,
    seed: int = 11,
) -> Simulated:
    """Carry out a plan, to its end or for `watched_seconds`. `seed`: of the service's chances."""
    service = QuotaService(quota, latency_seconds, answer_bytes, Random(seed))

    async def work() -> Simulated:
        one = _Simulation(plan, service, records_of(records, body_bytes))
        if watched_seconds is not None:
            asyncio.get_running_loop().call_later(watched_seconds, one.run.stop)
        return await one.work()

    return run_virtual(work())


def simulate_two(
    plan: RunPlan, quota: Quota, *, records: int, at_once: bool, shares_pacer: bool = True
) -> tuple[Simulated, Simulated]:
    """Carry out a plan twice on one service, at once or one after the other.

    Both have the `ticks` of both.
    """
    service = QuotaService(quota)

    async def work() -> tuple[Simulated, Simulated]:
        pacer = Pacer(plan.pace, asyncio.get_running_loop().time) if shares_pacer else None
        first, second = (
            _Simulation(plan, service, records_of(records, lambda _: 100), pacer) for _ in range(2)
        )
        if at_once:
            return await asyncio.gather(first.work(), second.work())
        return await first.work(), await second.work()

    return run_virtual(work())


class _Simulation:
    """A run, and the count of its outcomes."""

    def __init__(
        self,
        plan: RunPlan,
        service: QuotaService,
        records: Iterator[Record],
        pacer: Pacer | None = None,
    ) -> None:
        self._service = service
        self._records = records
        self._counts = dict.fromkeys(State, 0)
        self.run = Run(plan, service, [self._listen], pacer=pacer, random=Random(7))

    def _listen(self, event: Event) -> None:
        if isinstance(event, Settled):
            for outcome in event.outcomes:
                self._counts[outcome.state] += 1

    async def work(self) -> Simulated:
        """Carry it out."""
        error = await self.run.work(_Feed(self._records))
        return Simulated(
            asyncio.get_running_loop().time(),
            self._counts[State.SUCCEEDED],
            self._counts[State.FAILED],
            self._service.ticks,
            self._service.most_in_flight,
            error,
        )
