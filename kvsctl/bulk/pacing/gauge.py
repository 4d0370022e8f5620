"""One of the service's windows, as a run sees it: what is used, on its way, and allowed. Pure."""

import math

from kvsctl.bulk.pacing.ceiling import Ceiling
from kvsctl.bulk.pacing.window import SlidingWindow


class Gauge:
    """Keeps an amount within a sliding window: a given limit, and one learnt from refusals.

    The service may charge a request at any time between its start and its answer. So it counts
    from its start, and until a whole window has passed since its answer.
    """

    def __init__(self, length_seconds: float, given: float | None, ceiling: Ceiling) -> None:
        self._window = SlidingWindow(length_seconds)
        self._given = math.inf if given is None else given
        self._away = 0.0
        self.ceiling = ceiling

    def load(self, now: float) -> float:
        """What the service let through in the last window."""
        return self._window.used(now)

    def wait_seconds(self, now: float, amount: float) -> float:
        """How long until `amount` may start; infinite: not before something else has ended.

        More than the limit in one may start when nothing else counts.
        """
        limit = min(self._given, self.ceiling.allowed)
        if limit == math.inf:
            return 0.0
        used = self._window.used(now)
        if used + self._away + amount <= limit or not (used or self._away):
            return 0.0
        if limit == self.ceiling.allowed:
            self.ceiling.note_held()
        level = limit - self._away - amount
        if level < 0 and self._away:
            return math.inf
        return self._window.seconds_until(now, max(0.0, level))

    def start(self, amount: float) -> None:
        """An amount goes on its way."""
        self._away += amount

    def end(self, now: float, reserved: float, charged: float) -> None:
        """What started with `reserved` is answered, and `charged` counts."""
        self._away = max(0.0, self._away - reserved)
        if charged:
            self._window.add(now, charged)

    def note(self, now: float, noise: float, *, was_refused: bool) -> bool:
        """How a request ended, for the ceiling: see there."""
        if self.ceiling.learnt is None:
            return False
        return self.ceiling.note(self._window.used(now), now, noise, was_refused=was_refused)
