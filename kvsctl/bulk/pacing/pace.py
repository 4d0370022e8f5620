"""How much a run may ask of the service in a time: what is given, not what is learnt. Pure."""

import math
from typing import Final

import msgspec

from kvsctl.limits import DEFAULT_LIMITS

MINUTE_SECONDS: Final = 60.0


class Pace(msgspec.Struct, frozen=True):
    """At most so many requests in any second, and units in any minute. None: any number.

    Reads and writes have the units each for themselves, as in the service's quotas.
    """

    requests_per_second: float | None = None
    units_per_minute: float | None = None

    @classmethod
    def of(
        cls, share: float, *, rps: float | None = None, units_per_minute: float | None = None
    ) -> "Pace":
        """A share of the documented quota, infinite for no limit.

        What is given replaces it; 0 is no limit.
        """
        return cls(
            _given(rps, share * DEFAULT_LIMITS.requests_per_second),
            _given(units_per_minute, share * DEFAULT_LIMITS.write_units_per_minute),
        )

    @property
    def request_window(self) -> tuple[float, float | None]:
        """How long the window of requests is, seconds, and how many it may hold.

        A second; where it may hold less than one, as long as one takes.
        """
        rate = self.requests_per_second
        if rate is None or rate >= 1:
            return 1.0, rate
        return 1 / rate, 1.0

    def least_seconds(self, requests: int, units: int) -> float:
        """The time that must pass between the first of these requests and the last.

        The first window's worth goes at once, each further one a window later.
        """
        seconds, in_last = 0.0, requests
        if self.units_per_minute is not None and units > self.units_per_minute:
            windows = math.ceil(units / self.units_per_minute) - 1
            seconds = windows * MINUTE_SECONDS
            in_last = math.ceil(requests - requests * windows * self.units_per_minute / units)
        length_seconds, limit = self.request_window
        if limit is None or not requests:
            return seconds
        whole = math.ceil(requests / math.floor(limit)) - 1
        last = math.ceil(in_last / math.floor(limit)) - 1
        return max(whole * length_seconds, seconds + last * length_seconds)


def request_units(body_bytes: int) -> int:
    """What a request of this size costs; a read, what an answer of this size does."""
    return max(1, -(-body_bytes // DEFAULT_LIMITS.unit_bytes))


def _given(replacement: float | None, otherwise: float) -> float | None:
    limit = otherwise if replacement is None else replacement
    return limit if 0 < limit < math.inf else None
