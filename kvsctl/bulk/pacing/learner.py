"""Learn from refusals a limit that no document names: neither its size nor its window. Pure.

When the service refuses so often that it means a limit, it is *blocked*: one request at a time
probes, at growing intervals, until one passes. The accepted requests from one pass to the next, by
the time between, are the rate that the limit allows, whatever kind of window it has and however
long that is. The first such rate is not used, because the window may have begun before the run, or
may hold the requests of others. So after the first pass the run sends freely until it is blocked
again. Two rates in succession that agree are learnt, and requests are then spread evenly at that
rate. A rate that a later block contradicts is dropped.
"""

from collections.abc import Sequence
from typing import Final

from kvsctl.bulk.pacing.ceiling import Ceiling
from kvsctl.bulk.pacing.history import History, Sustained
from kvsctl.bulk.pacing.limit_detector import Refusals

_FIRST_PROBE_SECONDS: Final = 0.35
_PROBE_GROWTH: Final = 0.25
"""The next probe waits this share of the time since the block began, so little time is lost."""
_LONGEST_PROBE_SECONDS: Final = 15.0
_USUAL_WINDOWS: Final = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)
"""Windows that services use, in seconds: a probe at their end may pass."""
_JUST_AFTER: Final = (1.01, 1.06, 1.12)
"""Multiples of a length: when to probe for its end. Faults may lose the first probes."""
_AGREEMENT: Final = 2.0
_AT_MOST_DOWN: Final = 0.85
"""A learnt rate falls in small steps if the first probe passes: the block may be an accident."""
_FEW_REQUESTS: Final = 10
"""A rate that fewer requests have shown is averaged with the one before."""
_BURST: Final = 0.05
"""How much of a window may be sent at once, to make up for time in which nothing could be sent."""
_LEAST_QUIET_SECONDS: Final = 3.0
_BEARABLE_IN_A_SECOND: Final = 0.05
"""A try may exceed a short window a little, because requests do not arrive evenly."""
_LEAST_QUIET_REQUESTS: Final = 40
"""A learnt rate holds for so long and for so many requests before a higher one is tried."""
_MORE_THAN_A_SECOND: Final = 2.0
"""A longer `Retry-After` means a limit, however few requests were refused."""


class _PacedRate:
    """A rate per second, and when the next request may start so that it is kept."""

    def __init__(self) -> None:
        self.ceiling = Ceiling()
        self._burst_seconds = 0.0
        self._next_at = 0.0

    def learn(self, rate: float, now: float, seconds: float) -> None:
        self._burst_seconds = _BURST * seconds
        self._next_at = now
        quiet_seconds = max(_LEAST_QUIET_SECONDS, seconds, _LEAST_QUIET_REQUESTS / rate)
        bearable = _BEARABLE_IN_A_SECOND if quiet_seconds <= _LEAST_QUIET_SECONDS else 0.0
        self.ceiling.learn(rate, now, quiet_seconds, bearable)

    def wait_seconds(self, now: float) -> float:
        if self.ceiling.learnt is None:
            return 0.0
        wait_seconds = max(0.0, self._next_at - now)
        if wait_seconds:
            self.ceiling.note_held()
        return wait_seconds

    def use(self, now: float, amount: float) -> None:
        """Use an amount. A negative amount is given back."""
        if self.ceiling.learnt is not None:
            self._next_at = max(self._next_at, now - self._burst_seconds)
            self._next_at += amount / self.ceiling.allowed


class Learner:
    """What refusals have shown about the limit of one kind of request: reads or writes.

    Until the first refusal there is nothing to learn. It only remembers what was accepted.
    """

    def __init__(self) -> None:
        self._was_refused = False
        self._refusals = Refusals()
        self._history = History()
        self._requests, self._units = _PacedRate(), _PacedRate()
        self._previous: Sustained | None = None
        self._blocked_at: float | None = None
        self._probe_at = 0.0
        self._refused_probes = 0
        self._window_seconds = 0.0
        self._lesson_at = float("-inf")
        self._ramp: int | None = None
        self.in_flight = 0

    @property
    def is_probing(self) -> bool:
        """Whether only one request is in flight at a time, to find out if any passes."""
        return self._blocked_at is not None

    def probe_seconds(self, now: float) -> float:
        """Return how long until the next probe may start, while it probes."""
        return max(0.0, self._probe_at - now)

    def wait_seconds(self, now: float) -> float:
        """Return how long until a request may start; infinite: not before another one ends."""
        if not self._was_refused:
            return 0.0
        if self._blocked_at is not None:
            return float("inf") if self.in_flight else self.probe_seconds(now)
        if self._ramp is not None and self.in_flight >= self._ramp:
            return float("inf")
        return max(self._requests.wait_seconds(now), self._units.wait_seconds(now))

    def start(self, now: float, units: int) -> None:
        """Note that a request starts."""
        self.in_flight += 1
        if not self._was_refused:
            return
        self._requests.use(now, 1)
        self._units.use(now, units)

    def end(self, now: float, reserved: int) -> None:
        """Note that a request ended, neither accepted nor throttled."""
        self.in_flight -= 1
        self._requests.use(now, -1)
        self._units.use(now, -reserved)

    def accept(self, now: float, started_at: float, reserved: int, units: int) -> None:
        """Note that the service accepted a request and charged `units` for it."""
        self.in_flight -= 1
        if not self._was_refused:
            self._history.add(now, units)
            return
        self._units.use(now, units - reserved)
        self._refusals.note(was_refused=False, is_ordinary=not self.is_probing)
        if self._blocked_at is not None and started_at > self._lesson_at:
            self._unblock(now)
        self._history.add(now, units)
        if self._ramp is not None and started_at > self._lesson_at:
            self._ramp += 1
        self._note_rates(now, was_refused=False)

    def refuse(self, now: float, started_at: float, asked_seconds: float) -> None:
        """Note that a request was throttled. `asked_seconds`: its `Retry-After`; 0 if none."""
        self._was_refused = True
        self.in_flight -= 1  # its turn stays used, so that the service gets a rest
        if started_at <= self._lesson_at:
            return  # it was in flight when the block was noticed
        if self._blocked_at is not None:
            self._refused_probes += 1
            self._schedule_probe(now)
            return
        is_tried = self._note_rates(now, was_refused=True)
        self._refusals.note(was_refused=True, is_ordinary=not is_tried)
        if self._refusals.are_many or asked_seconds > _MORE_THAN_A_SECOND:
            self._blocked_at = self._lesson_at = now
            self._refused_probes = 0
            self._refusals.forget()
            self._schedule_probe(now)

    def _note_rates(self, now: float, *, was_refused: bool) -> bool:
        """Return whether the request was refused because a higher rate was being tried."""
        noise = self._refusals.noise
        rates = (self._requests, self._units)
        return sum(rate.ceiling.note(now, noise, was_refused=was_refused) for rate in rates) > 0

    def _schedule_probe(self, now: float) -> None:
        assert self._blocked_at is not None  # noqa: S101
        waited = now - self._blocked_at
        interval = min(max(_FIRST_PROBE_SECONDS, _PROBE_GROWTH * waited), _LONGEST_PROBE_SECONDS)
        lengths: Sequence[float] = ()
        began_at = self._blocked_at
        if self._history:
            began_at, lengths = self._history.began_at, _USUAL_WINDOWS
            known = self._previous.seconds if self._previous is not None else 0.0
            if began_at + known > now:
                # Most likely nothing passes before the window that the last block has shown.
                interval, lengths = max(_FIRST_PROBE_SECONDS, waited), (known / _JUST_AFTER[0],)
        ends = [began_at + after * length for length in lengths for after in _JUST_AFTER]
        self._probe_at = min([now + interval, *(end for end in ends if end > now)])

    def _unblock(self, now: float) -> None:
        self._blocked_at = None
        self._ramp = None
        if not self._history:  # nothing was ever accepted: others have used the limit up
            self._ramp = 1
            return
        found, previous = self._history.sustained(now), self._previous
        self._history.clear()
        known = self._requests.ceiling.learnt
        if known is None and previous is not None:
            found = _combined(found, previous)
        self._previous = found
        expected = known or (previous.requests if previous else 0.0)
        is_contradicted = found.requests * _AGREEMENT < expected
        is_higher = known is None and found.requests > _AGREEMENT * expected
        if is_contradicted or is_higher:
            self._requests.ceiling.forget()
            self._units.ceiling.forget()
            self._window_seconds = 0.0
            self._ramp = 1
            return
        self._window_seconds = max(found.seconds, self._window_seconds)
        for rate, sustained in ((self._requests, found.requests), (self._units, found.units)):
            rate.learn(self._lowered(rate, sustained), now, self._window_seconds)
        self._requests.use(now, 1)

    def _lowered(self, rate: _PacedRate, sustained: float) -> float:
        """Return the rate to keep to: never above one that was just refused."""
        known = rate.ceiling.learnt
        if known is None:
            return sustained
        least = 0.0 if self._refused_probes else _AT_MOST_DOWN * known
        return min(known, max(sustained, least))


def _combined(found: Sustained, previous: Sustained) -> Sustained:
    """Return the rate that two blocks in succession show, or the latest if they do not agree."""
    if not 1 / _AGREEMENT <= found.requests / previous.requests <= _AGREEMENT:
        return found
    if found.requests * found.seconds >= _FEW_REQUESTS:
        return max(found, previous)  # a fault that loses a probe only lowers the rate
    seconds = found.seconds + previous.seconds
    return Sustained(
        (found.requests * found.seconds + previous.requests * previous.seconds) / seconds,
        (found.units * found.seconds + previous.units * previous.seconds) / seconds,
        seconds,
    )
