"""A window that refusals have shown: how much it holds, and how long it lasts. Pure."""

import math
from typing import Final

from kvsctl.bulk.pacing.history import History, Sustained

_PRECISION: Final = 0.03
_FEW_REQUESTS: Final = 10
"""A rate that fewer requests have shown is averaged with the one before."""
_LONG_SECONDS: Final = 10.0
"""In a window of at least this length, a probe takes a small part of the time."""
_FIRST_CHECK: Final = 6
_MAX_PATIENCE: Final = 24


class LearntWindow:
    """An amount that the service accepts, and the seconds from one opening to the next.

    Until it is confirmed, it is only a guess of when the service will refuse. A confirmed long
    window is closed when its amount is used up, before the service refuses anything. Now and then
    it is *checked*: it stays open until the service shows how much it holds now, and probes
    look for an earlier end. The number of windows between two checks doubles as long as the amount
    does not rise.

    `refused_seconds`: how long after the opening the service last refused a probe.
    """

    def __init__(
        self, found: Sustained, refused_seconds: float, *, is_confirmed: bool = False
    ) -> None:
        self.found = found
        self.seconds = found.seconds
        self.is_confirmed = is_confirmed
        self._requests, self._units = found.amounts
        self._refused_seconds = refused_seconds
        self._is_in_doubt = False
        self._patience = self._windows_to_check = _FIRST_CHECK

    def confirmed_by(self, found: Sustained, refused_seconds: float) -> "LearntWindow":
        """Return the window that this one and the next, which agrees with it, show together."""
        if found.amounts[0] < _FEW_REQUESTS:
            both = _together(found, self.found)
        else:
            both = max(found, self.found)  # a probe that a fault loses only lowers the rate
        if refused_seconds >= both.seconds:
            refused_seconds = self._refused_seconds
        return LearntWindow(both, refused_seconds, is_confirmed=True)

    @property
    def is_long(self) -> bool:
        """Whether to send as soon as it opens and then to wait. Otherwise send evenly."""
        return self.seconds >= _LONG_SECONDS and self._requests >= _FEW_REQUESTS

    @property
    def is_checked(self) -> bool:
        """Whether it stays open until the service refuses."""
        return not self.is_confirmed or not self._windows_to_check

    @property
    def least_seconds(self) -> float:
        """The time halfway between the last refusal and the known end, if that is much earlier."""
        if self._refused_seconds >= (1 - _PRECISION) * self.seconds:
            return self.seconds
        return (max(0.0, self._refused_seconds) + self.seconds) / 2

    def left(self, accepted: History) -> float:
        """Return how many requests it still holds. Negative: it has held more than was known."""
        if self._requests < _FEW_REQUESTS:
            return math.inf  # too few to expect anything
        if not accepted.requests:
            return self._requests
        units_per_request = accepted.units / accepted.requests
        left_units = self._units - accepted.units
        return min(self._requests - accepted.requests, left_units / units_per_request)

    def is_early(self, seconds: float) -> bool:
        """Return whether it cannot have reopened so soon. After True, return False once."""
        self._is_in_doubt = (
            self.is_confirmed
            and self.is_long
            and seconds < self._refused_seconds
            and not self._is_in_doubt
        )
        return self._is_in_doubt

    def reopen(self, found: Sustained, refused_seconds: float, *, was_full: bool) -> None:
        """Note that the next window has opened. `was_full`: the service ended the last one."""
        self._is_in_doubt = False
        if refused_seconds >= self.seconds or (was_full and found.seconds < self.seconds):
            self.seconds = found.seconds
        if was_full:
            self._refused_seconds = max(self._refused_seconds, refused_seconds)
        if self._refused_seconds >= self.seconds:
            self._refused_seconds = min(refused_seconds, self.seconds)
        self._windows_to_check = max(0, self._windows_to_check - 1)
        if was_full:
            self._take_amounts(*found.amounts)

    def _take_amounts(self, requests: int, units: int) -> None:
        # Only one of the two is the limit, so the other may vary.
        is_less = requests < self._requests and units < self._units
        is_more = requests > self._requests and units > self._units
        take = min if is_less else max
        self._requests = take(requests, self._requests)
        self._units = take(units, self._units)
        self._patience = _FIRST_CHECK if is_more else min(2 * self._patience, _MAX_PATIENCE)
        self._windows_to_check = self._patience


def _together(one: Sustained, other: Sustained) -> Sustained:
    seconds = one.seconds + other.seconds
    requests = one.requests * one.seconds + other.requests * other.seconds
    units = one.units * one.seconds + other.units * other.seconds
    return Sustained(requests / seconds, units / seconds, seconds)
