"""Limit the invocations of one app by all runs of a process, each on another installation."""

import asyncio
from typing import Final
from weakref import WeakKeyDictionary

from kvsctl.bulk.pacing.pace import MINUTE_SECONDS, Pace
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.pacing.window import Gauge

_MOST_WAIT_SECONDS: Final = 1.0
"""A run is not woken when another run's request ends, so it looks again after this time."""


class AppInvocations:
    """Keeps the invocations of all pacers that share it within a number per minute."""

    def __init__(self, per_minute: float) -> None:
        self._gauge = Gauge(MINUTE_SECONDS, per_minute)

    def wait_seconds(self, now: float) -> float:
        """Return how long to wait before asking again; 0: one may start now."""
        return min(self._gauge.wait_seconds(now, 1), _MOST_WAIT_SECONDS)

    def start(self) -> None:
        """Note that one starts."""
        self._gauge.start(1)

    def end(self, now: float, invocations: int) -> None:
        """Note that one ended, and whether it counts: 0 or 1."""
        self._gauge.end(now, 1, invocations)


_OF_LOOPS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, AppInvocations]] = WeakKeyDictionary()
"""The invocations of each event loop's runs. Bridges do not tell which app they belong to."""


def pacer_of(pace: Pace) -> Pacer:
    """Return a pacer on the running loop. If invocations are limited, it shares them with others.

    All bridges of a process count as those of one app.
    """
    loop = asyncio.get_running_loop()
    if pace.app_invocations_per_minute is None:
        return Pacer(pace, loop.time)
    shared = _OF_LOOPS.get(loop)
    if shared is None:
        shared = _OF_LOOPS[loop] = AppInvocations(pace.app_invocations_per_minute)
    return Pacer(pace, loop.time, shared)
