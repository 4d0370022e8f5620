"""How many requests go at a time: given, or found by what helps. Pure."""

import math
from typing import Final

_MAX: Final = 128
"""At the service's 1000 requests a second this is enough for answers that take an eighth of one."""
_MIN: Final = 2
_EPOCH_ANSWERS: Final = 16
_EPOCH_SECONDS: Final = 0.1
_HELPS: Final = 1.1
_FIRST_REST_SECONDS: Final = 1.0
_LONGEST_REST_SECONDS: Final = 60.0
_LEARNING: Final = 0.1


class Concurrency:
    """Doubles the requests at a time while that brings a tenth more answers; else goes back.

    Only periods in which every sender was busy are judged. `first`: how many are in flight at
    first, and always unless `is_found`. Reads of `read_batch` records (0: writes) stay so few that
    the answers in flight fit into `window_bytes`.
    """

    def __init__(self, first: int, *, is_found: bool, window_bytes: int, read_batch: int) -> None:
        self._is_found = is_found
        self._window_bytes = window_bytes
        self._read_batch = read_batch
        self._answer_bytes = 0.0
        self._answers = 0
        self._since: float | None = None
        self._before: tuple[int, float] | None = None
        self._rest_seconds = _FIRST_REST_SECONDS
        self._rests_until = -math.inf
        self._first = self.limit = first

    def note_read(self, received_bytes: int) -> None:
        """How large the answer to a read was."""
        if self._is_found:
            grown = received_bytes - self._answer_bytes
            self._answer_bytes += grown if grown > 0 else grown * _LEARNING
            self.limit = min(self.limit, self._most)

    def note_end(self, now: float, *, was_busy: bool) -> None:
        """A request ended. `was_busy`: every sender was, and nothing held them back."""
        if not self._is_found:
            return
        if not was_busy or self._since is None:
            self._begin(now)
            return
        self._answers += 1
        seconds = now - self._since
        if seconds >= _EPOCH_SECONDS and self._answers >= max(_EPOCH_ANSWERS, 2 * self.limit):
            self._judge(now, self._answers / seconds)
            self._begin(now)

    def note_throttled(self, now: float) -> None:
        """The service lets less through: fewer at a time lose less by that.

        No fewer than it began with: how often those start is the pacer's to say.
        """
        if self._is_found:
            self.limit = min(self.limit, max(self._first, self.limit // 2))
            self._before = None
            self._rests_until = now + _FIRST_REST_SECONDS
            self._begin(now)

    @property
    def _most(self) -> int:
        if not self._read_batch or not self._answer_bytes:
            return _MAX
        # What is answered out of order waits as long again for its turn.
        return max(_MIN, min(_MAX, int(self._window_bytes / (2 * self._answer_bytes))))

    def _begin(self, now: float) -> None:
        self._since, self._answers = now, 0

    def _judge(self, now: float, rate: float) -> None:
        if self._before is not None:
            limit, rate_before = self._before
            self._before = None
            if rate < _HELPS * rate_before:
                self.limit = limit
                self._rests_until = now + self._rest_seconds
                self._rest_seconds = min(2 * self._rest_seconds, _LONGEST_REST_SECONDS)
                return
            self._rest_seconds = _FIRST_REST_SECONDS
        if now >= self._rests_until and self.limit < self._most:
            self._before = (self.limit, rate)
            self.limit = min(2 * self.limit, self._most)
