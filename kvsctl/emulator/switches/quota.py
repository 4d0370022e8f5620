"""Quotas of an installation: requests per second, read units and write units per minute.

Source: contract, section "Quotas". It leaves open which kind of window the minute is: fixed,
sliding, or a bucket that refills.

The units of a write are known in advance. They are taken before it runs, and given back if it is
refused. The units of a read are known only from its response, so a read is admitted while any units
are left.
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
    """The quotas, the kind of their windows, and the header of a 429."""

    requests_per_second: int = DEFAULT_LIMITS.requests_per_second
    read_units_per_minute: int = DEFAULT_LIMITS.read_units_per_minute
    write_units_per_minute: int = DEFAULT_LIMITS.write_units_per_minute
    batches_per_minute: int | None = None
    """Batch requests of all kinds; None for no such quota. An older page names 45."""
    minute_seconds: float = 60.0
    """The length of the quota minute. A short one makes tests fast."""
    window: Literal["fixed", "sliding", "bucket"] = "fixed"
    announces: Literal["retry-after", "reset", "nothing"] = "retry-after"
    """The header of a 429: `Retry-After` in seconds, `X-RateLimit-Reset` as a time, or neither."""


class Window(Protocol):
    """A limit on the amount used within a length of time. Times are milliseconds."""

    def wait_ms(self, now_ms: int, amount: int) -> int:
        """Return how long until `amount` may be used; 0 means now."""

    def use(self, now_ms: int, amount: int) -> None:
        """Use `amount`. A negative amount is given back."""


class FixedWindow:
    """A window that starts again at every multiple of its length."""

    def __init__(self, limit: int, length_ms: int) -> None:
        self._limit = limit
        self._length_ms = length_ms
        self._number = -1
        self._used = 0

    def wait_ms(self, now_ms: int, amount: int) -> int:
        """Return the time until the next window if this one has too little left."""
        self._turn(now_ms)
        if self._used <= 0 or self._used + amount <= self._limit:
            return 0
        return self._length_ms - now_ms % self._length_ms

    def use(self, now_ms: int, amount: int) -> None:
        """Use `amount` of the window that contains `now_ms`."""
        self._turn(now_ms)
        self._used += amount

    def _turn(self, now_ms: int) -> None:
        number = now_ms // self._length_ms
        if number != self._number:
            self._number = number
            self._used = 0


class RollingWindow:
    """A sliding window: the amount used in the last `length_ms` counts."""

    def __init__(self, limit: int, length_ms: int) -> None:
        self._limit = limit
        self._length_ms = length_ms
        self._uses: deque[tuple[int, int]] = deque()
        self._used = 0

    def wait_ms(self, now_ms: int, amount: int) -> int:
        """Return the time until enough earlier uses have left the window."""
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
        """Use `amount` at `now_ms`."""
        self._uses.append((now_ms, amount))
        self._used += amount


class BucketWindow:
    """A token bucket that starts full and refills evenly, by `limit` per `length_ms`."""

    def __init__(self, limit: int, length_ms: int) -> None:
        self._limit = limit
        self._per_ms = limit / length_ms
        self._level = float(limit)
        self._filled_ms: int | None = None

    def wait_ms(self, now_ms: int, amount: int) -> int:
        """Return the time until the bucket holds `amount` or is full."""
        self._fill(now_ms)
        lacking = min(amount, self._limit) - self._level
        return 0 if lacking <= 1e-9 else max(1, math.ceil(lacking / self._per_ms))

    def use(self, now_ms: int, amount: int) -> None:
        """Take `amount` out. The level may become negative: reads are charged afterwards."""
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
    """The windows of all installations, a few each. Use it in the event loop's thread only."""

    def __init__(self, options: QuotaOptions) -> None:
        self._options = options
        self._windows: dict[tuple[str, str], Window] = {}

    def admit(
        self, installation: str, cost: Cost, units: int, now_ms: int, *, is_batch: bool = False
    ) -> None:
        """Admit and count a request of `units`. Raise Refusal (429) if a quota is used up.

        A refused request is not counted.
        """
        amounts = {"requests": 1, cost: units}
        if is_batch and self._options.batches_per_minute is not None:
            amounts["batch"] = 1
        self._admit(installation, amounts, now_ms)

    def admit_listing(self, now_ms: int) -> None:
        """Admit and count a listing of installations: 100 per minute for the whole app.

        Raise Refusal (429) if that quota is used up.
        """
        self._admit("", {"listing": 1}, now_ms)

    def admit_details(self, installation: str, now_ms: int) -> None:
        """Admit and count a request for the details of an installation: 1 per minute.

        Raise Refusal (429) if that quota is used up.
        """
        self._admit(installation, {"details": 1}, now_ms)

    def _admit(self, installation: str, amounts: dict[str, int], now_ms: int) -> None:
        """Use these amounts of the named windows, or use none of them and raise Refusal."""
        used = [(self._window(installation, name), amount) for name, amount in amounts.items()]
        wait_ms = max(window.wait_ms(now_ms, amount) for window, amount in used)
        if wait_ms:
            raise self._refusal(now_ms, wait_ms)
        for window, amount in used:
            window.use(now_ms, amount)

    def adjust(self, installation: str, cost: Cost, units: int, now_ms: int) -> None:
        """Correct the units of an admitted request by `units`, which may be negative."""
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
                "batch": (options.batches_per_minute or 0, options.minute_seconds),
                "listing": (LISTINGS_PER_MINUTE, options.minute_seconds),
                "details": (1, options.minute_seconds),
            }[name]
            found = WINDOWS[options.window](limit, max(1, int(seconds * 1000)))
            self._windows[installation, name] = found
        return found

    def check_traffic(self, now_ms: int, wait_ms: int) -> None:
        """Raise Refusal (429) if the traffic to one key has to wait."""
        if wait_ms:
            raise self._refusal(now_ms, wait_ms, "The traffic to one key is too high")

    def _refusal(
        self, now_ms: int, wait_ms: int, why: str = "The quota of this installation is used up"
    ) -> Refusal:
        return Refusal(
            429,
            "RATE_LIMIT_EXCEEDED",
            why,
            announcement(self._options.announces, now_ms, wait_ms),
        )


def announcement(kind: str, now_ms: int, wait_ms: int) -> dict[str, str]:
    """Return the header of a 429 that says when to retry, or no header."""
    if kind == "retry-after":
        return {"retry-after": str(math.ceil(wait_ms / 1000))}
    if kind == "reset":
        return {"x-ratelimit-reset": iso8601(now_ms + wait_ms)}
    return {}
