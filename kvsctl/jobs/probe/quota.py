"""The question about the quota: what a KB is, what deletes and refusals cost, what a 429 says."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from kvsctl.errors import TargetError
from kvsctl.jobs.probe.drain import (
    BETWEEN_BYTES,
    MINUTE_SECONDS,
    MOST_WRITES,
    PLAIN_BYTES,
    UNITS,
    QuotaMinutes,
    drain,
    require_within_a_minute,
    send_deletes,
    send_refused,
)
from kvsctl.jobs.probe.questions import Cost, Finding, Question
from kvsctl.jobs.probe.scratch import Scratch
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.service.raw import RawAnswer

_FEWEST: Final = 12
"""A drain of fewer writes says too little."""
_BETWEEN_RATIOS: Final = 1.25
"""Writes of 3 units instead of 2 make a drain 1.5 times shorter, those of 2 not at all."""
_KEYS: Final = 4
"""How many keys a delete has: more than one, so that a price per key shows."""
_SHARE: Final = 8
"""The measured requests use an eighth of the quota, if each costs a unit."""
_DRAINS: Final = 5
_DELETE: Final = f"a delete of {_KEYS} keys"
_REFUSED: Final = "a refused write"


async def _find_quota(scratch: Scratch) -> Finding:
    first = await drain(scratch, PLAIN_BYTES)
    if first.refusal is None:
        units = f"{first.accepted * UNITS:,} write units"
        return Finding.nothing(f"no 429 after {units}: there is no quota, or a much larger one")
    answers: dict[str, Any] = {"announce": _announced(first.refusal)}
    fault = first.refusal.fault
    notes = [] if fault is None else [f"the code of a 429 is {fault.code}"]
    limits: dict[str, int] = {}
    try:
        minutes = QuotaMinutes(scratch)
        await minutes.align()
        await minutes.fresh()
        quota = await _measured(scratch, minutes)
        notes.append(f"the quota is about {quota.units:,.0f} write units{quota.kind}")
        if quota.plain < _FEWEST:
            return Finding(answers, notes=(*notes, "which is too few to measure costs"))
        await minutes.fresh()
        between = await drain(scratch, BETWEEN_BYTES)
        limits["unit_bytes"] = _unit_bytes(quota.plain, between.accepted)
        costs = {
            _DELETE: await _cost_of(scratch, minutes, quota, _deletes),
            _REFUSED: await _cost_of(scratch, minutes, quota, send_refused),
        }
    except TargetError as error:
        return Finding(answers, limits, (*notes, error.message))
    notes += [f"{name} costs about {cost:.2f} units" for name, cost in costs.items()]
    answers["delete-cost"] = _delete_cost(costs[_DELETE])
    answers["refused-cost"] = "free" if costs[_REFUSED] < 0.5 else "size"
    return Finding(answers, limits, tuple(notes))


class _Quota(NamedTuple):
    """The write quota of a minute. `plain`: how many plain writes a drain of it has."""

    units: float
    plain: int
    refills: bool

    @property
    def kind(self) -> str:
        """What to say about its window."""
        return ", which come back evenly" if self.refills else ""

    def available(self, seconds: float) -> float:
        """Return how many units may be used in the first `seconds` of a fresh minute."""
        return self.units * (1 + seconds / MINUTE_SECONDS) if self.refills else self.units


async def _measured(scratch: Scratch, minutes: QuotaMinutes) -> _Quota:
    """Return the quota, by a drain of a fresh minute."""
    whole = await drain(scratch, PLAIN_BYTES)
    require_within_a_minute(whole.seconds)
    refills = await minutes.refills()
    units = whole.accepted * UNITS / (1 + whole.seconds / MINUTE_SECONDS * refills)
    return _Quota(units, whole.accepted, refills)


async def _deletes(scratch: Scratch, count: int) -> int:
    return await send_deletes(scratch, count, _KEYS)


async def _cost_of(
    scratch: Scratch,
    minutes: QuotaMinutes,
    quota: _Quota,
    send: Callable[[Scratch, int], Awaitable[int]],
) -> float:
    """Return what each request of a kind costs, by draining what they leave of a fresh minute."""
    await minutes.fresh()
    began = scratch.now()
    sent = await send(scratch, int(quota.units) // _SHARE)
    left = await drain(scratch, PLAIN_BYTES)
    seconds = scratch.now() - began
    require_within_a_minute(seconds)
    return max(0.0, quota.available(seconds) - left.accepted * UNITS) / max(1, sent)


def _unit_bytes(plain: int, between: int) -> int:
    """Return the bytes of a unit, by two drains whose writes cost the same only if KB is 1024."""
    return 10_000 if plain / max(1, between) >= _BETWEEN_RATIOS else 10_240


def _delete_cost(units: float) -> str:
    if units < 0.5:
        return "free"
    return "size" if units < (1 + _KEYS) / 2 else "keys"


def _announced(refusal: RawAnswer) -> str:
    """Return which header of a 429 says when to retry."""
    if "retry-after" in refusal.headers:
        return "retry-after"
    return "reset" if "x-ratelimit-reset" in refusal.headers else "nothing"


QUESTIONS: Final = (
    Question(
        name="quota",
        asks="What is a KB of the quota, and what do deletes, refused writes and 429s do?",
        method="Use up the write quota of five minutes: with writes that cost the same only if "
        "KB is 1024 bytes, after deletes, and after refused writes.",
        meanings={
            "announce": {
                "retry-after": "a 429 has Retry-After",
                "reset": "a 429 has X-RateLimit-Reset",
                "nothing": "a 429 does not say when to retry",
            },
            "delete-cost": {
                "size": "a delete costs units by the size of its request",
                "keys": "a delete costs a unit per key",
                "free": "a delete costs no units",
            },
            "refused-cost": {
                "free": "a refused write costs no units",
                "size": "a refused write costs what it would have cost",
            },
        },
        cost=Cost(
            records=16,
            requests=_DRAINS * MOST_WRITES,
            write_units=_DRAINS * DEFAULT_LIMITS.write_units_per_minute,
            sent_bytes=_DRAINS * DEFAULT_LIMITS.write_units_per_minute // UNITS * BETWEEN_BYTES,
            seconds=(2 * _DRAINS - 1) * MINUTE_SECONDS,
        ),
        find=_find_quota,
        uses_up_quota=True,
    ),
)
