"""An amount used in the last so many seconds. Pure; the caller gives the time."""

import math
from collections import deque
from typing import Final

_SLOTS: Final = 400


class SlidingWindow:
    """What was used in the last `length_seconds`, give or take a four-hundredth of them.

    Uses are gathered in slots, and a slot counts until its end has left the window: what is
    told is never too little. Memory and time do not depend on how much is used.
    """

    def __init__(self, length_seconds: float) -> None:
        self.length_seconds = length_seconds
        self._grain = length_seconds / _SLOTS
        self._slots: deque[list[float]] = deque()  # [leaves at, amount], oldest first
        self._slot_ends = -math.inf
        self._used = 0.0

    def add(self, now: float, amount: float) -> None:
        """Uses an amount now."""
        if now < self._slot_ends and self._slots:
            self._slots[-1][1] += amount
        else:
            # The end of the slot that `now` is in, never `now` itself: times are rounded.
            self._slot_ends = (math.floor(now / self._grain) + 1) * self._grain
            self._slots.append([self._slot_ends + self.length_seconds, amount])
        self._used += amount

    def used(self, now: float) -> float:
        """What counts now."""
        slots = self._slots
        while slots and slots[0][0] <= now:
            self._used -= slots.popleft()[1]
        return self._used if slots else 0.0

    def seconds_until(self, now: float, level: float) -> float:
        """How long until no more than `level` counts, if nothing is added."""
        left = self.used(now)
        if left <= level:
            return 0.0
        for leaves_at, amount in self._slots:
            left -= amount
            if left <= level:
                return leaves_at - now
        return self._slots[-1][0] - now
