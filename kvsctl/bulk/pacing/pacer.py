"""Decide when the next request may start: within the given pace and the learnt limits.

All senders of a run share one pacer, and so do all runs on one installation, which has one quota.
Undocumented limits are learnt from refusals, separately for reads and writes: see `learner`.
"""

import math
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from kvsctl.bulk.pacing.learner import Learner
from kvsctl.bulk.pacing.pace import MINUTE_SECONDS, Pace
from kvsctl.bulk.pacing.window import Gauge

_LEARNING: Final = 0.1
"""The weight of the newest answer in the expected cost of a read."""


class App(Protocol):
    """What the pacers of an app's installations share: see `app_invocations`."""

    def wait_seconds(self, now: float) -> float:
        """Return how long to wait before asking again; 0: an invocation may start now."""
        ...

    def start(self) -> None:
        """Note that an invocation starts."""
        ...

    def end(self, now: float, invocations: int) -> None:
        """Note that one ended, and whether it counts: 0 or 1."""
        ...


class Start(msgspec.Struct, eq=False, gc=False):
    """A request that has started. Its `reserved` units count until its end is noted."""

    reads: bool
    records: int
    reserved: int
    at: float


class Pacer:
    """Holds requests back as far as the limits of the service, given or learnt, require.

    `monotonic` returns seconds. It must be the clock of the loop that the runs share. `app`: what
    it shares with the pacers of the app's other installations. A throttled request counts as an
    invocation, because the function was called.

    A run that is held back must ask again when a request of another run ends, because that may be
    what it waits for: see `subscribe`. Runs get their turns in the order in which they ask, so
    none is guaranteed a share.
    """

    def __init__(self, pace: Pace, monotonic: Callable[[], float], app: App | None = None) -> None:
        self._now = monotonic
        self._seconds = Gauge(*pace.request_window)
        per_minute = pace.units_per_minute
        self._units = (Gauge(MINUTE_SECONDS, per_minute), Gauge(MINUTE_SECONDS, per_minute))
        self._invocations = Gauge(MINUTE_SECONDS, pace.invocations_per_minute)
        self._app = app
        self._learners = (Learner(), Learner())  # of writes, of reads
        given = pace.requests_per_second, pace.units_per_minute, pace.invocations_per_minute
        self._is_given = given != (None, None, None)
        self._held_until = -math.inf
        self._units_per_record = 0.0
        self._subscribers: list[Callable[[], None]] = []
        self._has_held_back = False
        self.is_probing = False
        """Whether only one request is in flight at a time, to find out if any passes."""

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

    def refused_seconds(self, *, reads: bool) -> float:
        """Return how long no request may start because the service refused the last ones."""
        now = self._now()
        learner = self._learners[reads]
        probe_seconds = learner.probe_seconds(now) if learner.is_probing else 0.0
        return max(0.0, self._held_until - now, probe_seconds)

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
        now = self._now()
        wait_seconds = max(self._held_until - now, self._learners[reads].wait_seconds(now), 0.0)
        if not self._is_given:
            return wait_seconds
        return max(
            wait_seconds,
            self._seconds.wait_seconds(now, 1),
            self._units[reads].wait_seconds(now, units),
            self._invocations.wait_seconds(now, 1),
            0.0 if self._app is None else self._app.wait_seconds(now),
        )

    def start(self, units: int, records: int, *, reads: bool) -> Start:
        """Note that a request starts. `wait_seconds` has returned 0 for it."""
        now = self._now()
        if self._is_given:
            self._seconds.start(1)
            self._units[reads].start(units)
            self._invocations.start(1)
            if self._app is not None:
                self._app.start()
        self._learners[reads].start(now, units)
        return Start(reads, records, units, now)

    def end(self, started: Start, *, requests: int, units: int, is_accepted: bool = False) -> None:
        """Note that a request ended, with or without an answer, and was not throttled.

        `requests` (0 or 1) and `units` are what the service may have charged.
        """
        now = self._now()
        learner = self._learners[started.reads]
        if is_accepted:
            learner.accept(now, started.at, started.reserved, units)
        else:
            learner.end(now, started.reserved)
        if self.is_probing:
            self._note_probing()
        self._close(started, now, requests, units, invocations=requests)

    def note_read(self, records: int, units: int) -> None:
        """Learn from the cost of a read what the next ones will cost."""
        cost = units / records
        known = self._units_per_record
        self._units_per_record = known + (cost - known) * _LEARNING if known else cost

    def refuse(self, started: Start, asked_seconds: float) -> None:
        """Note that a request was throttled. `asked_seconds`: its `Retry-After`; 0 if none."""
        now = self._now()
        if asked_seconds:
            self.hold(asked_seconds)
        self._learners[started.reads].refuse(now, started.at, asked_seconds)
        self._note_probing()
        self._close(started, now, 0, 0, invocations=1)

    def hold(self, seconds: float) -> None:
        """Hold all requests back for `seconds`, or until an earlier hold ends if that is later."""
        self._held_until = max(self._held_until, self._now() + seconds)

    def _note_probing(self) -> None:
        self.is_probing = any(learner.is_probing for learner in self._learners)

    def _close(
        self, started: Start, now: float, requests: int, units: int, *, invocations: int
    ) -> None:
        if self._is_given:
            self._seconds.end(now, 1, requests)
            self._units[started.reads].end(now, started.reserved, units)
            self._invocations.end(now, 1, invocations)
            if self._app is not None:
                self._app.end(now, invocations)
        if self._has_held_back:
            self._has_held_back = False
            for request_ended in self._subscribers:
                request_ended()
