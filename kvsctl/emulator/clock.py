"""The service's time, which a test can set. Milliseconds since the epoch, UTC."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def wall_ms() -> int:
    """The machine's time."""
    return time.time_ns() // 1_000_000


class Clock:
    """Time as the emulator sees it: the source's, moved by an offset, or standing still.

    Everything that depends on time reads this one clock: metadata, expiry, query lag, quotas,
    tokens and the `Date` header.
    """

    def __init__(self, source: Callable[[], int] = wall_ms) -> None:
        self._source = source
        self._offset_ms = 0
        self._frozen_ms: int | None = None

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        if self._frozen_ms is not None:
            return self._frozen_ms
        return self._source() + self._offset_ms

    def set(self, now_ms: int, *, frozen: bool = False) -> None:
        """Make it `now_ms`; it runs on from there, unless `frozen`."""
        self._offset_ms = now_ms - self._source()
        self._frozen_ms = now_ms if frozen else None

    def advance(self, by_ms: int) -> None:
        """Move time by `by_ms`, which may be negative; a frozen clock stays frozen."""
        self._offset_ms += by_ms
        if self._frozen_ms is not None:
            self._frozen_ms += by_ms

    def resume(self) -> None:
        """Return to the source's own time."""
        self._offset_ms = 0
        self._frozen_ms = None


def iso8601(at_ms: int) -> str:
    """`2026-01-31T12:00:00.000Z`, as JavaScript writes a date."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def http_date(at_ms: int) -> str:
    """The form of a `Date` header, whatever the locale."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    day, month = WEEKDAYS[moment.weekday()], MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02d} {month} {moment.year:04d} {moment:%H:%M:%S} GMT"
