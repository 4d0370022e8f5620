"""Time that passes only when nothing else can happen, and a feed that lives in it."""

import asyncio
import selectors
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeAlias, TypeVar

from kvsctl.model import PieceList, Problem, Record
from kvsctl.slabs import Slab

_T = TypeVar("_T")
_MAX_STEPS = 5_000_000
_MAX_REAL_WAIT_SECONDS = 20.0

Piece: TypeAlias = Record | Problem
Step: TypeAlias = list[Piece] | Slab | float | Exception
"""What a feed does next: give pieces, be silent for some seconds, or fail."""


class Stalled(Exception):
    """Nothing will ever happen again, or the same happens for ever."""


class _JumpingSelector(selectors.SelectSelector):
    """Instead of waiting for a timer it moves the clock to it."""

    def __init__(self, *, waits_for_threads: bool, turned: Callable[[float], None] | None) -> None:
        super().__init__()
        self.now = 0.0
        self._steps = 0
        self._waits_for_threads = waits_for_threads
        self._turned = turned

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._steps += 1
        if self._turned is not None:
            self._turned(self.now)
        if self._steps > _MAX_STEPS:
            raise Stalled("the loop turns without end")
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is not None:
            self.now += timeout
            return []
        if self._waits_for_threads and (ready := super().select(_MAX_REAL_WAIT_SECONDS)):
            return ready
        raise Stalled("every task waits and no timer is set")


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock starts at 0 and jumps to the next timer when nothing is ready.

    A wait that nothing will end raises Stalled; with `waits_for_threads` a thread may end it.
    `reading_seconds` pass with every look at the clock, as on a real one: 0 unless told.
    `turned` receives the time at each turn of the loop; what it raises leaves the loop at once.
    """

    def __init__(
        self,
        *,
        waits_for_threads: bool = False,
        reading_seconds: float = 0.0,
        turned: Callable[[float], None] | None = None,
    ) -> None:
        self._jumping = _JumpingSelector(waits_for_threads=waits_for_threads, turned=turned)
        self._reading_seconds = reading_seconds
        super().__init__(self._jumping)

    def time(self) -> float:
        self._jumping.now += self._reading_seconds
        return self._jumping.now


def run_virtual(
    work: Coroutine[Any, Any, _T],
    *,
    waits_for_threads: bool = False,
    reading_seconds: float = 0.0,
    turned: Callable[[float], None] | None = None,
) -> _T:
    """`asyncio.run`, on virtual time."""

    def new_loop() -> asyncio.AbstractEventLoop:
        return VirtualLoop(
            waits_for_threads=waits_for_threads, reading_seconds=reading_seconds, turned=turned
        )

    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(work)


class MemoryFeed:
    """A feed that takes its steps one by one. After the last it has ended.

    As a thread's feed does, it gives what is there without letting others run; a silence of 0
    seconds lets them.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        self._steps = deque(steps)
        self.given = 0
        self.closed = False

    async def get(self) -> PieceList | None:
        while self._steps:
            step = self._steps.popleft()
            if isinstance(step, Exception):
                raise step
            if isinstance(step, list | Slab):
                self.given += len(step)
                return step
            await asyncio.sleep(step)
        return None

    def close(self) -> None:
        self.closed = True
