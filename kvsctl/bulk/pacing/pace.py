"""The given limits of a run: requests per second, and units per minute. Pure."""

import math
from typing import Final

import msgspec
from msgspec.structs import astuple, replace

from kvsctl.limits import DEFAULT_LIMITS

MINUTE_SECONDS: Final = 60.0
_INVOCATIONS_PER_MINUTE: Final = 5_000
_APP_INVOCATIONS_PER_MINUTE: Final = 30_000
"""How often an app may be invoked in an installation, and in all of them (contract: Ways in)."""
_UNIT_BYTES: Final = DEFAULT_LIMITS.unit_bytes


class Pace(msgspec.Struct, frozen=True):
    """The most requests in any second, and the most units in any minute. None: no limit.

    Reads and writes have separate units, as in the service's quotas. A request through a bridge is
    also an invocation of its app, which is limited in its installation and in all installations.
    """

    requests_per_second: float | None = None
    units_per_minute: float | None = None
    invocations_per_minute: float | None = None
    app_invocations_per_minute: float | None = None

    @classmethod
    def of(
        cls,
        share: float,
        *,
        rps: float | None = None,
        units_per_minute: float | None = None,
        is_bridged: bool = False,
        commands: int = 1,
    ) -> "Pace":
        """Return the pace of a share of the documented quota. An infinite share: no limit.

        `rps` and `units_per_minute` replace the share; 0: no limit. `is_bridged`: requests go
        through a bridge. `commands`: how many commands divide the share, but not the limits that
        replace it.
        """
        return cls(
            _given(rps, share * DEFAULT_LIMITS.requests_per_second / commands),
            _given(units_per_minute, share * DEFAULT_LIMITS.write_units_per_minute / commands),
            share * _INVOCATIONS_PER_MINUTE / commands if is_bridged else None,
            share * _APP_INVOCATIONS_PER_MINUTE / commands if is_bridged else None,
        )

    def divided(self, parts: int) -> "Pace":
        """Return the pace of one of `parts` runs that share this one."""
        limits = astuple(self)
        return Pace(*(None if limit is None else limit / parts for limit in limits))

    def with_app_divided(self, parts: int) -> "Pace":
        """Return the pace of one of `parts` runs that share only the invocations of their app."""
        limit = self.app_invocations_per_minute
        return self if limit is None else replace(self, app_invocations_per_minute=limit / parts)

    @property
    def request_window(self) -> tuple[float, float | None]:
        """The length of the window of requests in seconds, and how many requests it may hold.

        The length is a second, or longer if less than one request per second is allowed.
        """
        rate = self.requests_per_second
        if rate is None or rate >= 1:
            return 1.0, rate
        return 1 / rate, 1.0

    def least_seconds(self, requests: int, units: int) -> float:
        """Return the least time between the first and the last of these requests.

        The requests of the first window are sent at once, and those of each further window one
        window later.
        """
        waits = [(0, requests)]  # how many minutes to wait, and how many requests follow the wait
        if self.units_per_minute is not None and units > self.units_per_minute:
            minutes = math.ceil(units / self.units_per_minute) - 1
            after = requests - requests * minutes * self.units_per_minute / units
            waits.append((minutes, math.ceil(after)))
        if self.invocations_per_minute is not None and requests:
            most = max(1, math.floor(self.invocations_per_minute))
            minutes = math.ceil(requests / most) - 1
            waits.append((minutes, requests - minutes * most))
        return max(minutes * MINUTE_SECONDS + self._spread(after) for minutes, after in waits)

    def _spread(self, requests: int) -> float:
        """Return the least time between the first and the last request of a minute."""
        length_seconds, limit = self.request_window
        if limit is None or not requests:
            return 0.0
        return (math.ceil(requests / math.floor(limit)) - 1) * length_seconds


def request_units(body_bytes: int) -> int:
    """Return the units of a write with a body of this size, or of a read with such an answer."""
    return -(-body_bytes // _UNIT_BYTES) or 1


def _given(replacement: float | None, otherwise: float) -> float | None:
    limit = otherwise if replacement is None else replacement
    return limit if 0 < limit < math.inf else None
