"""Spread requests evenly at a learnt rate. Pure; the caller gives the time."""

from typing import Final

from kvsctl.bulk.pacing.ceiling import Ceiling

_BURST: Final = 0.05
"""How much of a window may be sent at once, to make up for time in which nothing could be sent."""
_LEAST_QUIET_SECONDS: Final = 3.0
_LEAST_QUIET_REQUESTS: Final = 40
"""A learnt rate is kept for at least this time and this many requests before a higher one."""
_BEARABLE_IN_A_SECOND: Final = 0.01
"""A try may exceed a short window a little, because requests do not arrive evenly."""


class EvenRate:
    """A rate per second. It says when the next request may start."""

    def __init__(self) -> None:
        self.ceiling = Ceiling()
        self._burst_seconds = 0.0
        self._next_at = 0.0

    def learn(self, rate: float, now: float, seconds: float) -> None:
        """Keep to `rate`, which a window of `seconds` has shown."""
        self._burst_seconds = _BURST * seconds
        self._next_at = now
        quiet_seconds = max(_LEAST_QUIET_SECONDS, seconds, _LEAST_QUIET_REQUESTS / rate)
        bearable = _BEARABLE_IN_A_SECOND if quiet_seconds <= _LEAST_QUIET_SECONDS else 0.0
        self.ceiling.learn(rate, now, quiet_seconds, bearable)

    def lower(self, rate: float, least: float, now: float, seconds: float) -> None:
        """Lower the learnt rate to `rate`, or to the share `least` of it if that is more."""
        known = self.ceiling.learnt
        assert known is not None  # noqa: S101
        self.learn(min(known, max(rate, least * known)), now, seconds)

    def wait_seconds(self, now: float) -> float:
        """Return how long until the next request may start."""
        return 0.0 if self.ceiling.learnt is None else max(0.0, self._next_at - now)

    def use(self, now: float, amount: float) -> None:
        """Use an amount. A negative amount is given back."""
        if self.ceiling.learnt is not None:
            self._next_at = max(self._next_at, now - self._burst_seconds)
            self._next_at += amount / self.ceiling.allowed
            self.ceiling.note_used(amount)
