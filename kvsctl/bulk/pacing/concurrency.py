"""How many requests are in flight at a time: given, or found by trying. Pure."""

import math
from typing import Final

_MAX: Final = 128
"""Enough for the service's limit, 1000 requests per second, if an answer takes 1/8 second."""
_MIN: Final = 2
_EPOCH_ANSWERS: Final = 16
_EPOCH_SECONDS: Final = 0.1
_HELPS: Final = 1.1
_FIRST_REST_SECONDS: Final = 1.0
_LONGEST_REST_SECONDS: Final = 60.0
_LEARNING: Final = 0.1


class Concurrency:
    """Doubles `limit` while that brings a tenth more answers per second; otherwise steps back.

    Only periods in which every sender was busy are judged. `first` is the limit at the start, and
    stays the limit unless `is_found`. Reads of `read_batch` records (0: writes) are limited so that
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
        """Note the size of the answer to a read."""
        if self._is_found:
            grown = received_bytes - self._answer_bytes
            self._answer_bytes += grown if grown > 0 else grown * _LEARNING
            self.limit = min(self.limit, self._most)

    def note_end(self, now: float, *, was_busy: bool) -> None:
        """Note that a request ended. `was_busy`: every sender was busy, and none was held back."""
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
        """Halve the limit: with fewer requests in flight, fewer are refused at once.

        It stays at least `first`. How often requests start is the pacer's decision.
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
        # Twice: an answer that is out of order waits in memory for its turn.
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
