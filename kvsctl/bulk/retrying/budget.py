"""The retry budget that a whole run shares: a token bucket. Pure; the caller gives the time."""

from typing import Final

CAPACITY: Final = 100.0
"""Enough retries at once for a burst of faults."""
PER_SUCCESS: Final = 3.0
"""Each success earns three retries: the budget holds while one request in four succeeds."""
PER_SECOND: Final = 1.0
"""Retries during an outage, so that its end is noticed."""
LONGEST_WAIT_SECONDS: Final = 30.0


class RetryBudget:
    """A token bucket. Each retry takes one token, each success adds three, each second adds one.

    While one request in four succeeds, no retry waits for the budget, except in bursts longer than
    its capacity. When fewer succeed, retries are spread over time. The budget never fails a record,
    except where waiting does not help: see `can_spare`.
    """

    def __init__(self) -> None:
        self._tokens = CAPACITY
        self._filled_at: float | None = None

    def note_success(self) -> bool:
        """Note a request that achieved something. Return whether the budget is full again."""
        self._tokens = min(CAPACITY, self._tokens + PER_SUCCESS)
        return self._tokens == CAPACITY

    def can_spare(self, now: float) -> bool:
        """Return whether a retry could go without waiting for the budget."""
        self._fill(now)
        return self._tokens >= 1.0

    def take(self, now: float) -> float:
        """Take a token for one retry. Return how many seconds it must wait at least, 0 to 30."""
        self._fill(now)
        # Debt is bounded, so that nothing waits longer when the service recovers.
        self._tokens = max(self._tokens - 1.0, -LONGEST_WAIT_SECONDS * PER_SECOND)
        return max(0.0, -self._tokens / PER_SECOND)

    def _fill(self, now: float) -> None:
        if self._filled_at is not None and now > self._filled_at:
            gained = (now - self._filled_at) * PER_SECOND
            self._tokens = min(CAPACITY, self._tokens + gained)
        self._filled_at = now if self._filled_at is None else max(now, self._filled_at)
