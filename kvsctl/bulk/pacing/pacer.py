"""Decide when the next request may start: within the given pace and the learnt limits.

All senders of a run share one pacer, and so do all runs on one installation, which has one quota.
Limits that no document names are learnt as the load under which the service refused. Such a load is
first taken for a limit per second. If the service still refuses when the load of a second is gone,
it is taken for a limit per minute.
"""

import math
from collections.abc import Callable
from typing import Final

import msgspec

from kvsctl.bulk.pacing.ceiling import Ceiling
from kvsctl.bulk.pacing.limit_detector import Refusals
from kvsctl.bulk.pacing.pace import MINUTE_SECONDS, Pace
from kvsctl.bulk.pacing.window import Gauge

_FIRST_PROBE_SECONDS: Final = 0.25
_LONGEST_PROBE_SECONDS: Final = 10.0
_SECOND_QUIET: Final = 3.0
_BEARABLE_IN_A_SECOND: Final = 0.05
_LOW_LOAD: Final = 2
"""Requests in a second that are too few to meet any limit per second."""
_CALM_REFUSALS: Final = 3
"""This many refusals at a low load mean that the limit is one per minute."""
_MORE_THAN_A_SECOND: Final = 2.0
"""A longer `Retry-After` means that the limit is not one per second. It has whole seconds."""
_CALM_PASS: Final = 0.5
"""How much of such a refusal a request that passes cancels: a bucket lets some through."""
_AT_MOST_DOWN: Final = 0.85
_LEARNING: Final = 0.1
"""The weight of the newest answer in the expected cost of a read."""


class Start(msgspec.Struct, eq=False, gc=False):
    """A request that has started. Its `reserved` units count until its end is noted."""

    reads: bool
    records: int
    reserved: int
    at: float


class Pacer:
    """Holds requests back as far as the limits of the service, given or learnt, require.

    `monotonic` returns seconds. It must be the clock of the loop that the runs share.

    A run that is held back must look again when a request of another run ends, because that may be
    what it waits for: see `subscribe`. Runs get their turns in the order in which they ask, so
    none is guaranteed a share.
    """

    def __init__(self, pace: Pace, monotonic: Callable[[], float]) -> None:
        self._now = monotonic
        self._seconds = Gauge(*pace.request_window, Ceiling(_SECOND_QUIET, _BEARABLE_IN_A_SECOND))
        self._requests = (_of_a_minute(None), _of_a_minute(None))  # of writes, of reads
        self._units = (_of_a_minute(pace.units_per_minute), _of_a_minute(pace.units_per_minute))
        self._is_given = (pace.requests_per_second, pace.units_per_minute) != (None, None)
        self._refusals = Refusals()
        self._held_until = -math.inf
        self._lesson_at = -math.inf
        self._probe_seconds = 0.0
        self._calm_refusals = 0.0
        self._in_flight = 0
        self._units_per_record = 0.0
        self._subscribers: list[Callable[[], None]] = []
        self._has_held_back = False

    def subscribe(self, request_ended: Callable[[], None]) -> None:
        """Call `request_ended` whenever a request ends after any request was held back."""
        self._subscribers.append(request_ended)

    def unsubscribe(self, request_ended: Callable[[], None]) -> None:
        """Undo `subscribe`."""
        self._subscribers.remove(request_ended)

    @property
    def held_seconds(self) -> float:
        """How long until any request may start, whatever its units."""
        return max(0.0, self._held_until - self._now())

    @property
    def is_probing(self) -> bool:
        """Whether only one request is in flight at a time, to find out if any passes."""
        return self._probe_seconds > 0

    def expected_units(self, records: int) -> int:
        """Return the units that a read of this many records will cost, by the answers so far."""
        return max(1, math.ceil(records * self._units_per_record))

    def wait_seconds(self, units: int, *, reads: bool) -> float:
        """Return how long until a request may start.

        0: it may start now. Infinite: not before a request in flight, of any run, has ended.
        """
        wait_seconds = self._wait_seconds(units, reads=reads)
        if wait_seconds > 0:
            self._has_held_back = True
        return wait_seconds

    def _wait_seconds(self, units: int, *, reads: bool) -> float:
        if self.is_probing and self._in_flight:
            return math.inf
        now = self._now()
        if not self._is_given and self._lesson_at == -math.inf:  # no limit is known
            return max(0.0, self._held_until - now)
        return max(
            self._held_until - now,
            self._seconds.wait_seconds(now, 1),
            self._requests[reads].wait_seconds(now, 1),
            self._units[reads].wait_seconds(now, units),
            0.0,
        )

    def start(self, units: int, records: int, *, reads: bool) -> Start:
        """Note that a request starts. `wait_seconds` has returned 0 for it."""
        self._in_flight += 1
        self._seconds.start(1)
        self._requests[reads].start(1)
        self._units[reads].start(units)
        return Start(reads, records, units, self._now())

    def end(self, started: Start, *, requests: int, units: int, is_accepted: bool = False) -> None:
        """Note that a request ended, with or without an answer, and was not throttled.

        `requests` (0 or 1) and `units` are what the service may have charged.
        """
        now = self._now()
        self._close(started, now, requests, units)
        if not is_accepted:
            return
        self._refusals.note(was_refused=False, is_ordinary=not self.is_probing)
        for gauge in self._gauges(started.reads):
            if gauge.ceiling.learnt is not None:
                gauge.note(now, self._refusals.noise, was_refused=False)
                if started.at <= self._lesson_at:
                    gauge.ceiling.at_least(gauge.load(now))
        if started.at > self._lesson_at:
            self._probe_seconds = 0.0
        if self._calm_refusals:
            if self._refusals.are_over:
                self._calm_refusals = 0.0
            elif self._is_calm(now):
                self._calm_refusals = max(0, self._calm_refusals - _CALM_PASS)

    def note_read(self, records: int, units: int) -> None:
        """Learn from the cost of a read what the next ones will cost."""
        cost = units / records
        known = self._units_per_record
        self._units_per_record = known + (cost - known) * _LEARNING if known else cost

    def refuse(self, started: Start, asked_seconds: float) -> None:
        """Note that a request was throttled. `asked_seconds`: its `Retry-After`; 0 if none."""
        now = self._now()
        self._close(started, now, 0, 0)
        if asked_seconds:
            self.hold(asked_seconds)
        if started.at <= self._lesson_at:
            return  # it was in flight when the limit was learnt
        is_tried = self._is_tried(started.reads, now)
        self._refusals.note(was_refused=True, is_ordinary=not (self.is_probing or is_tried))
        if self._is_calm(now):
            self._calm_refusals += 1
        is_calm_limit = self._calm_refusals > _CALM_REFUSALS
        if self.is_probing or is_calm_limit or self._refusals.are_many:
            self._learn(started.reads, now, asked_seconds)

    def hold(self, seconds: float) -> None:
        """Hold all requests back for `seconds`, or until an earlier hold ends if that is later."""
        self._held_until = max(self._held_until, self._now() + seconds)

    def _close(self, started: Start, now: float, requests: int, units: int) -> None:
        self._in_flight -= 1
        self._seconds.end(now, 1, requests)
        self._requests[started.reads].end(now, 1, requests)
        self._units[started.reads].end(now, started.reserved, units)
        if self._has_held_back:
            self._has_held_back = False
            for request_ended in self._subscribers:
                request_ended()

    def _gauges(self, reads: bool) -> tuple[Gauge, ...]:
        return (self._seconds, self._requests[reads], self._units[reads])

    def _is_tried(self, reads: bool, now: float) -> bool:
        """Return whether the request was refused because a learnt limit was being tried."""
        noise = self._refusals.noise
        tries = [gauge.note(now, noise, was_refused=True) for gauge in self._gauges(reads)]
        return any(tries)

    def _is_calm(self, now: float) -> bool:
        """Return whether the last second's load is too low for any limit per second."""
        return self._seconds.load(now) < max(_LOW_LOAD, (self._seconds.ceiling.learnt or 0) / 2)

    def _learn(self, reads: bool, now: float, asked_seconds: float) -> None:
        load, ceiling = self._seconds.load(now), self._seconds.ceiling
        known = math.inf if ceiling.learnt is None else ceiling.learnt
        is_minute_known = self._requests[reads].ceiling.learnt is not None
        enough = 1.5 if is_minute_known else _CALM_REFUSALS
        if self._calm_refusals >= enough or asked_seconds > _MORE_THAN_A_SECOND:
            # The load of a second is gone, and the service still refuses or announces that it will.
            self._calm_refusals = 0.0
            ceiling.forget()
            for gauge in (self._requests[reads], self._units[reads]):
                least = _AT_MOST_DOWN * (gauge.ceiling.learnt or 0)
                if gauge.load(now):
                    gauge.ceiling.learn(max(least, gauge.load(now)), now)
        elif not self.is_probing and _LOW_LOAD <= load < known:
            # A known limit falls in small steps, because holding requests back lowers the load.
            ceiling.learn(max(load, _AT_MOST_DOWN * (ceiling.learnt or 0)), now)
        self._refusals.forget()
        self._lesson_at = now
        self._probe_seconds = min(
            2 * self._probe_seconds or _FIRST_PROBE_SECONDS, _LONGEST_PROBE_SECONDS
        )
        self.hold(self._probe_seconds)


def _of_a_minute(given: float | None) -> Gauge:
    return Gauge(MINUTE_SECONDS, given, Ceiling(MINUTE_SECONDS, bearable=0.0))
