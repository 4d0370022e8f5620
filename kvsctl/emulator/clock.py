"""The service's time, which a test can set, in milliseconds since the epoch (UTC)."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EPOCH = datetime.fromtimestamp(0, UTC)
LATEST_MS = 10**14
"""The clock can be set to times before this one (in 5138), whose years have four digits."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def wall_ms() -> int:
    """Return the machine's time in epoch milliseconds."""
    return time.time_ns() // 1_000_000


class Clock:
    """The emulator's time: a time source moved by an offset, or frozen.

    Metadata, expiry, query lag, quotas, token lifetimes and the `Date` header all read this clock.
    """

    def __init__(self, source: Callable[[], int] = wall_ms) -> None:
        self._source = source
        self._offset_ms = 0
        self._frozen_ms: int | None = None

    def now_ms(self) -> int:
        """Return the current time in epoch milliseconds."""
        if self._frozen_ms is not None:
            return self._frozen_ms
        return self._source() + self._offset_ms

    def set(self, now_ms: int, *, frozen: bool = False) -> None:
        """Set the time to `now_ms`. It runs on from there unless `frozen`."""
        self._offset_ms = now_ms - self._source()
        self._frozen_ms = now_ms if frozen else None

    def advance(self, by_ms: int) -> None:
        """Move the time by `by_ms`, which may be negative. A frozen clock stays frozen."""
        self._offset_ms += by_ms
        if self._frozen_ms is not None:
            self._frozen_ms += by_ms

    def resume(self) -> None:
        """Return to the time of the source."""
        self._offset_ms = 0
        self._frozen_ms = None


def iso8601(at_ms: int) -> str:
    """Return a time as JavaScript writes it, such as `2026-01-31T12:00:00.000Z`."""
    moment = EPOCH + timedelta(seconds=at_ms // 1000)
    return f"{moment.year:04d}{moment:-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def http_date(at_ms: int) -> str:
    """Return a time in the form of a `Date` header, independent of the locale."""
    moment = EPOCH + timedelta(seconds=at_ms // 1000)
    day, month = WEEKDAYS[moment.weekday()], MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02d} {month} {moment.year:04d} {moment:%H:%M:%S} GMT"


def date_header(now_ms: int) -> bytes:
    """Return the value of a `Date` header."""
    return _date_of(now_ms // 1000)


@lru_cache(maxsize=1)
def _date_of(seconds: int) -> bytes:
    """Return a date, remembered because every response of the same second has it."""
    return http_date(seconds * 1000).encode()
