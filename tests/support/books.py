"""A listener that collects the events of a run, and a function that carries out a run."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

from kvsctl.bulk.events import (
    Event,
    Listener,
    RecordsRead,
    RequestEnded,
    Settled,
    Waiting,
    WaitReason,
)
from kvsctl.bulk.plan import Pressure, RunPlan
from kvsctl.bulk.run import Run
from kvsctl.errors import KvsctlError
from kvsctl.model import Outcome, State
from tests.support.simulated.model_service import ModelService
from tests.support.simulated.virtual_time import MemoryFeed, Step, run_virtual


@dataclass(slots=True)
class Books:
    """The events of a run, collected."""

    read: int = 0
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    settled_at: dict[int, float] = field(default_factory=dict)
    requests: list[RequestEnded] = field(default_factory=list)
    throttled: list[float] = field(default_factory=list)
    waits: list[Waiting] = field(default_factory=list)
    most_open: int = 0

    def __call__(self, event: Event) -> None:
        match event:
            case RecordsRead(count):
                self.read += count
                self.most_open = max(self.most_open, self.read - len(self.outcomes))
            case Settled(outcomes):
                now = asyncio.get_running_loop().time()
                for outcome in outcomes:
                    assert outcome.position not in self.outcomes, "settled twice"
                    self.outcomes[outcome.position] = outcome
                    self.settled_at[outcome.position] = now
            case RequestEnded():
                self.requests.append(event)
            case Waiting(reason, _) if reason is not WaitReason.THROTTLED:
                self.waits.append(event)
            case Waiting(_, seconds):
                self.throttled.append(seconds)

    @property
    def states(self) -> dict[str, int]:
        """How many records have each outcome."""
        return dict(Counter(outcome.state.value for outcome in self.outcomes.values()))

    def positions(self, state: State) -> list[int]:
        """Return the positions of records with this outcome."""
        return sorted(p for p, outcome in self.outcomes.items() if outcome.state is state)

    def code(self, position: int) -> str | None:
        """Return the code with which a record failed."""
        failure = self.outcomes[position].failure
        return failure.code if failure else None

    def check_sum(self) -> None:
        """Check that every record that was read is settled: positions have no gap."""
        assert sorted(self.outcomes) == list(range(self.read))


@dataclass(slots=True)
class Ran:
    """A run that is over."""

    error: KvsctlError | None
    books: Books
    feed: MemoryFeed
    seconds: float


async def _carry_out(
    plan: RunPlan,
    steps: Iterable[Step],
    service: ModelService,
    moments: Sequence[tuple[float, Callable[[Run], None]]],
    pressure: Callable[[], Pressure],
    listeners: Sequence[Listener],
    random: Random,
) -> Ran:
    books, feed = Books(), MemoryFeed(steps)
    run = Run(plan, service, [*listeners, books], pressure=pressure, random=random)
    loop = asyncio.get_running_loop()
    for seconds, action in moments:
        loop.call_later(seconds, action, run)
    error = await run.work(feed)
    ran = Ran(error, books, feed, loop.time())
    assert feed.closed
    assert asyncio.all_tasks() == {asyncio.current_task()}, "a run leaves no task behind"
    await asyncio.sleep(60)  # what lands late has landed
    return ran


def carry_out(
    plan: RunPlan,
    steps: Iterable[Step],
    service: ModelService,
    *,
    moments: Sequence[tuple[float, Callable[[Run], None]]] = (),
    pressure: Callable[[], Pressure] = lambda: Pressure.NONE,
    listeners: Sequence[Listener] = (),
    random: Random | None = None,
    reading_seconds: float = 0.0,
) -> Ran:
    """Carry out a plan on virtual time. `moments`: what to do to the run, and when."""
    ran = run_virtual(
        _carry_out(plan, steps, service, moments, pressure, listeners, random or Random(7)),
        reading_seconds=reading_seconds,
    )
    ran.books.check_sum()
    return ran
