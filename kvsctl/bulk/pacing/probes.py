"""Decide when to probe whether the service accepts requests again. Pure."""

import math
from typing import Final

from kvsctl.bulk.pacing.learnt_window import LearntWindow

_FIRST_SECONDS: Final = 0.35
_GROWTH: Final = 0.35
"""The next probe waits this share of the time since the block began, so little time is lost."""
_LONGEST_SECONDS: Final = 15.0
_USUAL_WINDOWS: Final = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)
"""Windows that services use, in seconds: a probe just after their end may pass."""
_JUST_AFTER: Final = (1.01, 1.06)
"""When to probe for a window's end, in window lengths. A fault may lose the first probe."""
_FIRST_EARLY: Final = 0.04
_LONGEST_FIRST_EARLY_SECONDS: Final = 2.0
"""The first early probe comes after this share of a window, or after this time if it is less."""
_EARLY_GROWTH: Final = 5.0
"""Few probes are made before the expected end, because most likely none passes."""
_LATE: Final = 0.02
"""After the expected end, probes are at least this share of the window apart."""


class Block:
    """A period in which one request at a time probes, until one passes.

    `was_refused`: it began because the service refused requests; otherwise the window is used up.
    `refused_at`: when the last probe was refused; minus infinity if none was.
    """

    def __init__(self, now: float, *, was_refused: bool) -> None:
        self._began_at = now
        self.was_refused = was_refused
        self.refused_at = -math.inf
        self.probe_at = now

    @property
    def has_refused_probe(self) -> bool:
        """Whether a probe was refused."""
        return self.refused_at > -math.inf

    def schedule(self, now: float, opened_at: float | None, window: LearntWindow | None) -> None:
        """Set when the next probe starts.

        `opened_at`: when the service began to accept the requests before the block; None: never.
        """
        if opened_at is None:
            self.probe_at = now + self._interval(now)
        elif window is None or not window.is_long:
            self.probe_at = self._search(now, opened_at, window)
        elif now < opened_at + window.seconds:
            self.probe_at = self._expected(now, opened_at, window)
        elif window.is_confirmed:
            late_seconds = now - max(self._began_at, opened_at + window.seconds)
            self.probe_at = now + max(_FIRST_SECONDS, _LATE * window.seconds, late_seconds)
        else:
            self.probe_at = self._search(now, opened_at, None)

    def _interval(self, now: float) -> float:
        waited = now - self._began_at
        return min(max(_FIRST_SECONDS, _GROWTH * waited), _LONGEST_SECONDS)

    def _search(self, now: float, opened_at: float, window: LearntWindow | None) -> float:
        """Return when to probe for the end of a window of any length."""
        interval = self._interval(now)
        ends = [opened_at + after * length for length in _USUAL_WINDOWS for after in _JUST_AFTER]
        near = [end for end in ends if now < end < now + 1.5 * interval]
        probe_at = min(near, default=now + interval)
        if window is not None and now < opened_at + window.seconds:
            return min(probe_at, opened_at + window.seconds)
        return probe_at

    def _expected(self, now: float, opened_at: float, window: LearntWindow) -> float:
        """Return when to probe before, or at, the expected end of a window."""
        end = opened_at + window.seconds
        if not self.was_refused:
            return end
        first = min(_LONGEST_FIRST_EARLY_SECONDS, _FIRST_EARLY * window.seconds)
        early = now + max(_FIRST_SECONDS, first, _EARLY_GROWTH * (now - self._began_at))
        least = opened_at + window.least_seconds
        return min(early, least if now < least else end)
