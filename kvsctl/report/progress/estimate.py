"""How much of a job is done, and how long the rest takes. Pure."""

from typing import Final, NamedTuple

from kvsctl.bulk.pacing.pace import Pace

_STEADY_PART: Final = 0.05
_STEADY_SECONDS: Final = 1.5
"""An end that moves by less than this, or by a smaller part of what is left, stays."""


class Done(NamedTuple):
    """What a run has done in `seconds`, for `quota_seconds` of which it waited for its quota.

    Units are those of the kind that it used more of.
    """

    records: int
    requests: int
    units: int
    seconds: float
    quota_seconds: float = 0.0


def total_of(fraction_read: float | None, records: int) -> float | None:
    """Return about how many records an input has, of which `records` were read; None: unknown."""
    if not fraction_read or not records:
        return None
    return max(float(records), records / fraction_read)


def seconds_left(left: float, done: Done, pace: Pace, batch_records: int) -> float | None:
    """Return how long `left` more records take; None if nothing says it.

    That is the time at the rate so far, without waits for the quota, or the time that the quota
    requires if that is longer. The quota says it from the start, before a record is settled.
    """
    if left <= 0:
        return 0.0
    total = left + done.records
    if done.records:
        requests, units = (each * total / done.records for each in (done.requests, done.units))
    else:
        requests = units = total / batch_records
    least = pace.least_seconds(round(requests), round(units)) - done.seconds
    if not done.records:
        return least if least > 0 else None
    return max(least, (done.seconds - done.quota_seconds) * left / done.records)


class SteadyEnd:
    """The end of a run as it is shown: it moves only if the estimate has changed by much."""

    def __init__(self) -> None:
        self._ends_at: float | None = None

    def seconds_left(self, now: float, seconds: float | None) -> float | None:
        """Return the time that is left, by this estimate or by the one that is shown."""
        if seconds is None:
            self._ends_at = None
            return None
        ends_at = now + seconds
        tolerance = max(_STEADY_SECONDS, _STEADY_PART * seconds)
        if self._ends_at is None or abs(ends_at - self._ends_at) > tolerance:
            self._ends_at = ends_at
        return max(0.0, self._ends_at - now)
