"""Use up the write quota of a minute, and wait until the next minute has begun."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from kvsctl.errors import TargetError
from kvsctl.jobs.probe.scratch import DELETE, LIFETIME, SET, Scratch, batch, item
from kvsctl.jsontext import json_line
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.service.raw import RawAnswer

MINUTE_SECONDS: Final = 60.0
UNITS: Final = 2
"""What a write of a drain costs by both readings of KB."""
PLAIN_BYTES: Final = 19_900
"""A request of 2 units: as a whole and its value alone, by both readings of KB."""
BETWEEN_BYTES: Final = 20_300
"""A request of 3 units if KB is 1000 bytes, of 2 if it is 1024; its value alone as well."""
MOST_WRITES: Final = DEFAULT_LIMITS.write_units_per_minute * 5 // 2 // UNITS
"""This many writes without a 429 mean that there is no quota, or a much larger one.

They are more than the quota of two minutes, because a drain may begin in one and end in the next.
"""
_AT_ONCE: Final = 16
_MOST_PER_SECOND: Final = 500.0
"""Half of the quota of requests, which must not be what ends a drain."""
_LONGEST_SECONDS: Final = 55.0
_MARGIN_SECONDS: Final = 1.0
"""How long after its beginning a minute is used: the first accepted poll came no later."""
_POLL_SECONDS: Final = 1.0
_LONGEST_WAIT_SECONDS: Final = 180.0
_REFILL_SECONDS: Final = 2.0


class Drained(NamedTuple):
    """How many writes were accepted, in which time, and the 429 that ended it, if one did."""

    accepted: int
    seconds: float
    refusal: RawAnswer | None


class QuotaMinutes:
    """The minutes of a quota: it finds where they begin, and waits for whole unused ones."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._begins = 0.0

    async def align(self) -> None:
        """After a drain, wait until writes are accepted again: there a minute begins.

        If the window is not fixed, any time will do. Raise TargetError if it takes too long.
        """
        scratch, since = self._scratch, self._scratch.now()
        while not await is_accepted(scratch):
            if scratch.now() - since > _LONGEST_WAIT_SECONDS:
                raise TargetError("writes are refused for longer than a minute after a drain")
            await scratch.pause(_POLL_SECONDS)
        self._begins = scratch.now()

    async def fresh(self) -> None:
        """Wait for the beginning of a minute, at least a minute after everything sent so far."""
        earliest = self._scratch.now() + MINUTE_SECONDS - self._begins
        minutes = math.ceil((earliest - _MARGIN_SECONDS) / MINUTE_SECONDS)
        self._begins += minutes * MINUTE_SECONDS
        await self._scratch.pause(self._begins + _MARGIN_SECONDS - self._scratch.now())

    async def refills(self) -> bool:
        """After a drain of a fresh minute, return whether the quota refills evenly, as a bucket."""
        await self._scratch.pause(_REFILL_SECONDS)
        return await is_accepted(self._scratch)


async def drain(scratch: Scratch, body_bytes: int) -> Drained:
    """Write records in requests of this size until one gets a 429, several at a time."""
    refusals: list[RawAnswer] = []

    async def write(worker: int) -> bool:
        answer = await scratch.request(
            SET, _body(scratch, f"drain{worker}", body_bytes), waits=False
        )
        if answer.fault is not None and not answer.fault.is_throttled:
            raise TargetError(f"a write of a drain was refused: {answer.fault.code}")
        if answer.fault is not None:
            refusals.append(answer)
        return answer.fault is None

    began = scratch.now()
    accepted = await _repeated(scratch, write, MOST_WRITES)
    return Drained(accepted, scratch.now() - began, refusals[0] if refusals else None)


def require_within_a_minute(seconds: float) -> None:
    """Raise TargetError if a drain took so long that it may have met two minutes."""
    if seconds > _LONGEST_SECONDS:
        raise TargetError(f"the quota of a minute was not used up within {_LONGEST_SECONDS:g} s")


async def send_deletes(scratch: Scratch, count: int, keys: int) -> int:
    """Delete `keys` keys that do not exist, `count` times. Return how many were carried out."""
    names = [scratch.key(f"never{number}") for number in range(keys)]
    return await _send(scratch, DELETE, json_line([{"key": name} for name in names]), count)


async def send_refused(scratch: Scratch, count: int) -> int:
    """Send an empty batch, which is always refused. Return how many were not throttled."""
    return await _send(scratch, SET, b"[]", count)


async def _send(scratch: Scratch, path: str, body: bytes, count: int) -> int:
    async def one(_worker: int) -> bool:
        answer = await scratch.request(path, body, waits=False)
        return answer.fault is None or not answer.fault.is_throttled

    return await _repeated(scratch, one, count)


async def _repeated(scratch: Scratch, one: Callable[[int], Awaitable[bool]], most: int) -> int:
    """Call `one` until it returns False or has returned True `most` times; return how often.

    Calls run at the same time, and no more of them begin per second than the quota allows.
    """
    begun = done = 0
    is_over = False

    async def work(worker: int) -> None:
        nonlocal begun, done, is_over
        while not is_over and begun < most:
            begun += 1
            if await one(worker):
                done += 1
            else:
                is_over = True
            await scratch.pause(_AT_ONCE / _MOST_PER_SECOND)

    tasks = [asyncio.ensure_future(work(worker)) for worker in range(_AT_ONCE)]
    try:
        await asyncio.gather(*tasks)
    finally:
        is_over = True
        await asyncio.gather(*tasks, return_exceptions=True)  # requests in flight are finished
    return done


def _body(scratch: Scratch, name: str, size: int) -> bytes:
    key = scratch.key(name)
    scratch.note(key)
    bare = len(batch([item(key, b'""', options=LIFETIME)]))
    return batch([item(key, b'"%b"' % (b"x" * (size - bare)), options=LIFETIME)])


async def is_accepted(scratch: Scratch) -> bool:
    """Return whether a small write is accepted now."""
    answer = await scratch.request(SET, _body(scratch, "drain0", 200), waits=False)
    return answer.fault is None
