"""Whole runs against a simulated service, on virtual time: minutes in a moment."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random

from kvsctl.bulk.events import Event, Settled
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.run import Run
from kvsctl.errors import KvsctlError
from kvsctl.model import Identity, Record, State
from tests.support.quota_service import Quota, QuotaService, Tick
from tests.support.virtual_time import Piece, run_virtual

_LIST: int = 500


@dataclass(slots=True)
class Simulated:
    """What became of a run: `seconds` it took, or was watched for."""

    seconds: float
    succeeded: int
    failed: int
    ticks: list[Tick]
    most_in_flight: int
    error: KvsctlError | None


class _Feed:
    """Gives records as long as they are taken."""

    def __init__(self, records: Iterator[Record]) -> None:
        self._records = records

    async def get(self) -> list[Piece] | None:
        pieces: list[Piece] = []
        pieces.extend(islice(self._records, _LIST))
        return pieces or None

    def close(self) -> None:
        return None


def records_of(count: int, body_bytes: Callable[[Random], int]) -> Iterator[Record]:
    """Records of the sizes that are drawn, the same each time."""
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
) -> Simulated:
    """Carries out a plan, to its end or for so many seconds."""
    service = QuotaService(quota, latency_seconds, answer_bytes)
    counts = dict.fromkeys(State, 0)

    def listen(event: Event) -> None:
        if isinstance(event, Settled):
            for outcome in event.outcomes:
                counts[outcome.state] += 1

    async def work() -> tuple[KvsctlError | None, float]:
        run = Run(plan, service, [listen], random=Random(7))
        loop = asyncio.get_running_loop()
        if watched_seconds is not None:
            loop.call_later(watched_seconds, run.stop)
        return await run.work(_Feed(records_of(records, body_bytes))), loop.time()

    error, seconds = run_virtual(work())
    return Simulated(
        seconds,
        counts[State.SUCCEEDED],
        counts[State.FAILED],
        service.ticks,
        service.most_in_flight,
        error,
    )
