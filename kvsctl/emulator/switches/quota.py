"""Quotas of an installation: requests a second, units a minute for reads and for writes.

The contract's section "Quotas". Which kind of window the minute is, is open: fixed, sliding, or
a bucket that refills. Units of a write are known and taken before it runs, and given back when
it is not answered 2xx; those of a read are known by its answer, so a read goes ahead while
anything is left.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from kvsctl.emulator.clock import iso8601
from kvsctl.emulator.refusals import Refusal
from kvsctl.limits import DEFAULT_LIMITS

LISTINGS_PER_MINUTE = 100
Cost = Literal["read", "write"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaOptions:
    """The numbers, how time is cut into windows, and what a 429 says."""

    requests_per_second: int = DEFAULT_LIMITS.requests_per_second
    read_units_per_minute: int = DEFAULT_LIMITS.read_units_per_minute
    write_units_per_minute: int = DEFAULT_LIMITS.write_units_per_minute
    minute_seconds: float = 60.0
    """The length of the minute, so that tests need not wait for one."""
    window: Literal["fixed", "sliding", "bucket"] = "fixed"
    announces: Literal["retry-after", "reset", "nothing"] = "retry-after"
    """`Retry-After` in seconds, `X-RateLimit-Reset` as a time, or neither."""


class Window(Protocol):
    """An amount that may be used in a length of time. Times are milliseconds."""

    def wait_ms(self, now_ms: int, amount: int) -> int:
        """0 if `amount` may be used now, else how long until it may."""

    def use(self, now_ms: int, amount: int) -> None:
        """Use `amount`; a negative one gives back."""


class FixedWindow:
    """Starts anew at every multiple of its length."""

    def __init__(self, limit: int, length_ms: int) -> None:
        self._limit = limit
        self._length_ms = length_ms
        self._number = -1
        self._used = 0

    def wait_ms(self, now_ms: int, amount: int) -> int:
        """Until the next window, once this one is used up."""
        self._turn(now_ms)
        if self._used <= 0 or self._used + amount <= self._limit:
            return 0
        return self._length_ms - now_ms % self._length_ms

    def use(self, now_ms: int, amount: int) -> None:
        """Use it of the window that `now_ms` lies in."""
        self._turn(now_ms)
        self._used += amount

    def _turn(self, now_ms: int) -> None:
        number = now_ms // self._length_ms
        if number != self._number:
            self._number = number
            self._used = 0


class RollingWindow:
    """What was used in the last `length_ms` counts."""

    def __init__(self, limit: int, length_ms: int) -> None:
        self._limit = limit
        self._length_ms = length_ms
        self._uses: deque[tuple[int, int]] = deque()
        self._used = 0

    def wait_ms(self, now_ms: int, amount: int) -> int:
        """Until enough of what was used lies far enough back."""
        while self._uses and self._uses[0][0] <= now_ms - self._length_ms:
            self._used -= self._uses.popleft()[1]
        left = self._used
        if left <= 0 or left + amount <= self._limit:
            return 0
        for at_ms, used in self._uses:
            left -= used
            if left <= 0 or left + amount <= self._limit:
                return at_ms + self._length_ms - now_ms
        return self._length_ms

    def use(self, now_ms: int, amount: int) -> None:
        """Use it now."""
        self._uses.append((now_ms, amount))
        self._used += amount


class BucketWindow:
    """A bucket that starts full and refills evenly, `limit` in `length_ms`."""

    def __init__(self, limit: int, length_ms: int) -> None:
        self._limit = limit
        self._per_ms = limit / length_ms
        self._level = float(limit)
        self._filled_ms: int | None = None

    def wait_ms(self, now_ms: int, amount: int) -> int:
        """Until it holds `amount`, or is full."""
        self._fill(now_ms)
        lacking = min(amount, self._limit) - self._level
        return 0 if lacking <= 1e-9 else max(1, math.ceil(lacking / self._per_ms))

    def use(self, now_ms: int, amount: int) -> None:
        """Take it out; reads may leave a debt."""
        self._fill(now_ms)
        self._level = min(self._limit, self._level - amount)

    def _fill(self, now_ms: int) -> None:
        if self._filled_ms is not None and now_ms > self._filled_ms:
            gained = (now_ms - self._filled_ms) * self._per_ms
            self._level = min(self._limit, self._level + gained)
        self._filled_ms = now_ms


WINDOWS: dict[str, Callable[[int, int], Window]] = {
    "fixed": FixedWindow,
    "sliding": RollingWindow,
    "bucket": BucketWindow,
}


class Quota:
    """The three windows of every installation. Called in the event loop's thread only."""

    def __init__(self, options: QuotaOptions) -> None:
        self._options = options
        self._windows: dict[tuple[str, str], Window] = {}

    def admit(self, installation: str, cost: Cost, units: int, now_ms: int) -> None:
        """Let a request of `units` in and count it, or refuse it: 429 `RATE_LIMIT_EXCEEDED`."""
        requests = self._window(installation, "requests")
        spending = self._window(installation, cost)
        wait_ms = max(requests.wait_ms(now_ms, 1), spending.wait_ms(now_ms, units))
        if wait_ms:
            raise self._refusal(now_ms, wait_ms)
        requests.use(now_ms, 1)
        spending.use(now_ms, units)

    def admit_listing(self, now_ms: int) -> None:
        """Let a listing of installations in: 100 a minute for the whole app."""
        window = self._window("", "listing")
        wait_ms = window.wait_ms(now_ms, 1)
        if wait_ms:
            raise self._refusal(now_ms, wait_ms)
        window.use(now_ms, 1)

    def adjust(self, installation: str, cost: Cost, units: int, now_ms: int) -> None:
        """Count `units` more, or fewer, than a request was let in for."""
        if units:
            self._window(installation, cost).use(now_ms, units)

    def _window(self, installation: str, name: str) -> Window:
        found = self._windows.get((installation, name))
        if found is None:
            options = self._options
            limit, seconds = {
                "requests": (options.requests_per_second, 1.0),
                "read": (options.read_units_per_minute, options.minute_seconds),
                "write": (options.write_units_per_minute, options.minute_seconds),
                "listing": (LISTINGS_PER_MINUTE, options.minute_seconds),
            }[name]
            found = WINDOWS[options.window](limit, max(1, int(seconds * 1000)))
            self._windows[installation, name] = found
        return found

    def _refusal(self, now_ms: int, wait_ms: int) -> Refusal:
        return Refusal(
            429,
            "RATE_LIMIT_EXCEEDED",
            "The quota of this installation is used up",
            announcement(self._options.announces, now_ms, wait_ms),
        )


def announcement(kind: str, now_ms: int, wait_ms: int) -> dict[str, str]:
    """The header that says when to come again, if any does."""
    if kind == "retry-after":
        return {"retry-after": str(math.ceil(wait_ms / 1000))}
    if kind == "reset":
        return {"x-ratelimit-reset": iso8601(now_ms + wait_ms)}
    return {}
