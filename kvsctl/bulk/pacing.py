"""When the next request may start: within the given pace, and what refusals have taught.

All senders of a run share one pacer. Limits that no document names are learnt as the load under
which the service refused: first taken for those of a second, and where it still refuses once a
second's load is gone, for those of a minute.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kvsctl.bulk.gauge import Gauge
from kvsctl.bulk.pace import MINUTE_SECONDS, Pace
from kvsctl.bulk.refusals import Refusals

_FIRST_PROBE_SECONDS: Final = 0.25
_LONGEST_PROBE_SECONDS: Final = 10.0
_SECOND_QUIET: Final = 5.0
_LEARNING: Final = 0.1
"""How much the newest answer counts in what a read is expected to cost."""


@dataclass(slots=True, eq=False)
class Start:
    """One request that has started: `reserved` units of it count until its end is noted."""

    reads: bool
    records: int
    reserved: int
    at: float


class Pacer:
    """Holds all senders back as far as the service's limits, given or learnt, need it."""

    def __init__(self, pace: Pace, monotonic: Callable[[], float]) -> None:
        self._now = monotonic
        minute, units = MINUTE_SECONDS, pace.units_per_minute
        self._seconds = Gauge(1.0, pace.requests_per_second, _SECOND_QUIET)
        self._requests = {reads: Gauge(minute, None, minute) for reads in (False, True)}
        self._units = {reads: Gauge(minute, units, minute) for reads in (False, True)}
        self._refusals = Refusals()
        self._held_until = float("-inf")
        self._lesson_at = float("-inf")
        self._probe_seconds = 0.0
        self._away = 0
        self._units_a_record = 0.0

    @property
    def held_seconds(self) -> float:
        """How long until any request may start, as far as that does not depend on its price."""
        return max(0.0, self._held_until - self._now())

    @property
    def is_probing(self) -> bool:
        """Whether one request at a time finds out if the service lets any through."""
        return self._probe_seconds > 0

    def expected_units(self, records: int) -> int:
        """What a read of so many records will cost, by the answers so far."""
        return max(1, math.ceil(records * self._units_a_record))

    def wait_seconds(self, units: int, *, reads: bool) -> float:
        """How long until a request may start; 0: now; infinite: not before an answer comes."""
        if self.is_probing and self._away:
            return math.inf
        now = self._now()
        return max(
            self._held_until - now,
            self._seconds.wait_seconds(now, 1),
            self._requests[reads].wait_seconds(now, 1),
            self._units[reads].wait_seconds(now, units),
            0.0,
        )

    def start(self, units: int, records: int, *, reads: bool) -> Start:
        """A request starts, which `wait_seconds` has let."""
        self._away += 1
        self._seconds.start(1)
        self._requests[reads].start(1)
        self._units[reads].start(units)
        return Start(reads, records, units, self._now())

    def end(
        self, started: Start, *, requests: int, units: int, was_let_through: bool = False
    ) -> None:
        """It is answered, or lost, and was not refused for coming too soon.

        `requests` (0 or 1) and `units` are what the service may have charged.
        """
        self._close(started, requests, units)
        if was_let_through:
            self._refusals.note(was_refused=False)
            if started.at > self._lesson_at:
                self._probe_seconds = 0.0

    def note_read(self, records: int, units: int) -> None:
        """What a read has cost teaches what the next ones will."""
        cost = units / records
        known = self._units_a_record
        self._units_a_record = known + (cost - known) * _LEARNING if known else cost

    def refuse(self, started: Start, asked_seconds: float) -> None:
        """It was refused for coming too soon. `asked_seconds`: when to come again, 0 if unsaid."""
        self._close(started, 0, 0)
        now = self._now()
        if asked_seconds:
            self.hold(asked_seconds)
        if started.at <= self._lesson_at:
            return  # it was on its way when the limit was learnt
        self._refusals.note(was_refused=True)
        is_explained = self._is_explained(started.reads, now)
        if self.is_probing or self._refusals.are_many:
            self._learn(started.reads, now)
        elif is_explained:
            return

    def hold(self, seconds: float) -> None:
        """Lets no request start for `seconds`, nor sooner than an earlier hold ends."""
        self._held_until = max(self._held_until, self._now() + seconds)

    def _close(self, started: Start, requests: int, units: int) -> None:
        now = self._now()
        self._away -= 1
        self._seconds.end(now, 1, requests)
        self._requests[started.reads].end(now, 1, requests)
        self._units[started.reads].end(now, started.reserved, units)

    def _is_explained(self, reads: bool, now: float) -> bool:
        explained = False
        for gauge in (self._seconds, self._requests[reads], self._units[reads]):
            explained = gauge.ceiling.explains(gauge.load(now), now) or explained
        return explained

    def _learn(self, reads: bool, now: float) -> None:
        second, load = self._seconds.ceiling, self._seconds.load(now)
        if (
            load >= 2
            and (second.learnt is None or load < second.learnt)
            and not (second.learnt is not None and self.is_probing and load < second.learnt / 2)
        ):
            second.learn(load, now)
        else:
            # A second's load is gone, or no less than it was, and the service still refuses.
            second.forget()
            for gauge in (self._requests[reads], self._units[reads]):
                if gauge.load(now):
                    gauge.ceiling.learn(gauge.load(now), now)
        self._refusals.forget()
        self._lesson_at = now
        self._probe_seconds = min(
            2 * self._probe_seconds or _FIRST_PROBE_SECONDS, _LONGEST_PROBE_SECONDS
        )
        self.hold(self._probe_seconds)
