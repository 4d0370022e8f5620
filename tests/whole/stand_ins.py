"""What stands in for threads, so that all time is virtual."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from functools import partial
from random import Random
from typing import Any, TypeVar

from kvsctl.model import PieceList
from tests.support.records import as_slabs

_T = TypeVar("_T")


class PacedFeed:
    """What a reader gives, in slabs and pieces that arrive in their own time.

    All that may be in a slab is in one, as in an input without anything special.
    """

    def __init__(self, random: Random, reader: Iterable[PieceList]) -> None:
        self._random = random
        self._parts: deque[PieceList] = deque(
            as_slabs([piece for pieces in reader for piece in pieces])
        )

    async def get(self) -> PieceList | None:
        if not self._parts:
            return None
        if self._random.random() < 0.3:
            await asyncio.sleep(self._random.choice((0.0, 0.06, 0.4, 2.0)))
            return []
        count = self._random.randint(1, 20)
        part = self._parts.popleft()
        if rest := part[count:]:
            self._parts.appendleft(rest)
        return part[:count]

    def close(self) -> None:
        self._parts.clear()


class SlowExecutor(Executor):
    """Does what it is given after some virtual time, or when somebody waits for it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def submit(self, work: Callable[..., _T], /, *args: Any, **named: Any) -> "Future[_T]":
        future = _Delayed(partial(work, *args, **named))
        asyncio.get_running_loop().call_later(self._seconds, future.do)
        return future


class _Delayed(Future[_T]):
    def __init__(self, work: Callable[[], _T]) -> None:
        super().__init__()
        self._work = work

    def do(self) -> None:
        if not self.done():
            try:
                self.set_result(self._work())
            except BaseException as error:
                self.set_exception(error)

    def result(self, timeout: float | None = None) -> _T:
        self.do()
        return super().result(timeout)


async def at_once(work: Callable[[], _T]) -> _T:
    """Awaits nothing: for what else a thread would do."""
    return work()
