"""How much of a job is done, and how long the rest takes. Pure."""

import math
from typing import Final, NamedTuple

from kvsctl.bulk.pacing.pace import Pace

_STEADY_PART: Final = 0.05
_STEADY_SECONDS: Final = 1.5
"""The shown end stays unless it would move by this much, and by this part of the time left."""
_LITTLE_OF_A_WAIT: Final = 0.05
"""No further wait is expected for fewer records than this part of those between two waits."""


class Done(NamedTuple):
    """What a run has done in `seconds`, for `quota_seconds` of which it waited for its quota.

    Outages are left out, and so are requests that failed. Units are of the kind that it used more
    of.
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
    """Return how long `left` more records take; None if that is unknown.

    That is the time at the rate so far, without waits for the quota, or the time that the quota
    requires if that is longer. The latter is known from the start, before a record is settled.
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


class RequiredWaits:
    """The waits that the service has required of a run so far, and how many more to expect.

    A service that keeps to a quota takes about as many records after each wait. Callers pass the
    time and the number of records that the run has settled.
    """

    def __init__(self) -> None:
        self._count = 0
        self._began_at = self._ends_at = 0.0
        self._records = -1
        self._first_records = 0
        self._is_known = False
        self._seconds_before = self._first_seconds = 0.0

    def __bool__(self) -> bool:
        return self._count > 0

    @property
    def may_grow(self) -> bool:
        """Whether later waits may be longer: the first may have begun in mid-window."""
        return self._count == 1 or (self._count > 1 and not self._is_known)

    def wait(self, now: float, seconds: float, records: int, *, is_known: bool = True) -> None:
        """Note that nothing starts for `seconds`.

        `is_known`: by the service's answer, or by what was learnt of its quota; otherwise it is a
        guess. Waits with no settled record between them count as one. A wait before the first
        record is not counted.
        """
        if now >= self._ends_at and records != self._records:
            self._seconds_before += self._ends_at - self._began_at
            if self._count == 1:
                self._first_seconds = self._seconds_before
                self._first_records = self._records
            self._count += bool(records)
            self._began_at = now
        self._records = records
        self._is_known |= is_known
        self._ends_at = max(self._ends_at, now + seconds)

    def waited_seconds(self, now: float) -> float:
        """Return how many seconds of the run were such waits."""
        return self._seconds_before + min(now, self._ends_at) - self._began_at

    def seconds_left(self, now: float, left: float, done: Done) -> float:
        """Return how long `left` more records take, with the rest of this wait and later waits.

        The quota's time in `done` includes these waits.
        """
        if not self._count:
            return 0.0
        if now < self._ends_at:
            self._records = done.records  # with those in flight when it began
        between = self._records / self._count
        if self._count > 1 and self._records > self._first_records:  # the first may be a burst
            between = (self._records - self._first_records) / (self._count - 1)
        between = max(between, done.records - self._records)  # so many passed without a wait
        before_next = max(0.0, between - (done.records - self._records))
        later = max(0, math.ceil((left - before_next) / between - _LITTLE_OF_A_WAIT))
        wait_seconds = self._ends_at - self._began_at
        if self._count > 1:  # the first may have begun in the middle of a window
            total = self._seconds_before + wait_seconds
            wait_seconds = (total - self._first_seconds) / (self._count - 1)
        if not self._is_known:  # a guess: there may be no other wait
            later = 0
        working = max(0.0, done.seconds - done.quota_seconds) * left / done.records
        return max(0.0, self._ends_at - now) + working + later * wait_seconds


class SteadyEnd:
    """The end of a run as it is shown. It moves only if the estimate has changed enough."""

    def __init__(self) -> None:
        self._ends_at: float | None = None

    def seconds_left(
        self, now: float, seconds: float | None, *, may_grow: bool = True
    ) -> float | None:
        """Return the time left, by this estimate or by the one that is shown already.

        Unless it `may_grow`, the shown end never moves further away.
        """
        if seconds is None:
            self._ends_at = None
            return None
        ends_at = now + seconds
        tolerance = max(_STEADY_SECONDS, _STEADY_PART * seconds)
        is_new = self._ends_at is None or abs(ends_at - self._ends_at) > tolerance
        if self._ends_at is None or (is_new and (may_grow or ends_at < self._ends_at)):
            self._ends_at = ends_at
        return max(0.0, self._ends_at - now)
