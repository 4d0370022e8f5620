"""The amount used in the last seconds, and its given limit. Pure; the caller gives the time."""

import math
from typing import Final

_SLOTS: Final = 400


class SlidingWindow:
    """The amount used in the last `length_seconds`, with a precision of 1/400 of that time.

    Uses are counted in slots. A slot counts until its end has left the window, so the amount is
    never too small. Memory and time do not depend on how much is used.
    """

    __slots__ = ("_grain", "_slot_ends", "_slots", "_used", "length_seconds")

    def __init__(self, length_seconds: float) -> None:
        self.length_seconds = length_seconds
        self._grain = length_seconds / _SLOTS
        # [leaves at, amount], oldest first. There are few of them, and a deque takes 600 bytes.
        self._slots: list[list[float]] = []
        self._slot_ends = -math.inf
        self._used = 0.0

    def add(self, now: float, amount: float) -> None:
        """Use an amount now."""
        if now < self._slot_ends and self._slots:
            self._slots[-1][1] += amount
        else:
            # The end of the slot that `now` is in, never `now` itself, because times are rounded.
            self._slot_ends = (math.floor(now / self._grain) + 1) * self._grain
            self._slots.append([self._slot_ends + self.length_seconds, amount])
        self._used += amount

    def used(self, now: float) -> float:
        """Return the amount that counts now."""
        slots = self._slots
        while slots and slots[0][0] <= now:
            self._used -= slots.pop(0)[1]
        return self._used if slots else 0.0

    def seconds_until(self, now: float, level: float) -> float:
        """Return how long until at most `level` counts, if nothing is added."""
        left = self.used(now)
        if left <= level:
            return 0.0
        for leaves_at, amount in self._slots:
            left -= amount
            if left <= level:
                return leaves_at - now
        return self._slots[-1][0] - now


class Gauge:
    """Keeps the amount in a sliding window within a given limit; None: no limit.

    The service may charge a request at any time between its start and its answer. So a request
    counts from its start until a whole window has passed since its answer.
    """

    __slots__ = ("_away", "_limit", "_window")

    def __init__(self, length_seconds: float, limit: float | None) -> None:
        self._window = SlidingWindow(length_seconds)
        self._limit = math.inf if limit is None else limit
        self._away = 0.0

    def wait_seconds(self, now: float, amount: float) -> float:
        """Return how long until `amount` may start; infinite: not before another request ends.

        An amount above the limit may start when nothing else counts.
        """
        if self._limit == math.inf:
            return 0.0
        used = self._window.used(now)
        if used + self._away + amount <= self._limit or not (used or self._away):
            return 0.0
        level = self._limit - self._away - amount
        if level < 0 and self._away:
            return math.inf
        return self._window.seconds_until(now, max(0.0, level))

    def start(self, amount: float) -> None:
        """Reserve an amount for a request that starts."""
        self._away += amount

    def end(self, now: float, reserved: float, charged: float) -> None:
        """Replace the `reserved` amount of a request that ended with the `charged` amount."""
        self._away = max(0.0, self._away - reserved)
        if charged and self._limit < math.inf:
            self._window.add(now, charged)
