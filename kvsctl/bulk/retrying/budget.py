"""The retry budget that a whole run shares: a token bucket. Pure; the caller gives the time."""

from typing import Final

CAPACITY: Final = 100.0
"""As many retries at once as a burst of trouble may need."""
PER_SUCCESS: Final = 3.0
"""Three failures for each success: what a run meets of whose requests a quarter succeed."""
PER_SECOND: Final = 1.0
"""What a service that only fails still gets, so that its recovery is noticed."""
LONGEST_WAIT_SECONDS: Final = 30.0


class RetryBudget:
    """Each retry takes one, each success gives three back; time gives a little.

    While a quarter of the requests succeed no retry waits for the budget, bursts longer than
    its capacity apart. Beyond that retries are spread over time. The budget never fails a
    record, except where waiting does not help: see `can_spare`.
    """

    def __init__(self) -> None:
        self._tokens = CAPACITY
        self._filled_at: float | None = None

    def note_success(self) -> None:
        """A request was answered and did something."""
        self._tokens = min(CAPACITY, self._tokens + PER_SUCCESS)

    def can_spare(self, now: float) -> bool:
        """Whether a retry could go without waiting for the budget."""
        self._fill(now)
        return self._tokens >= 1.0

    def take(self, now: float) -> float:
        """Takes for one retry. Returns how many seconds it has to wait at least, 0 to 30."""
        self._fill(now)
        # Bounded debt: when the service recovers, nothing waits longer than this.
        self._tokens = max(self._tokens - 1.0, -LONGEST_WAIT_SECONDS * PER_SECOND)
        return max(0.0, -self._tokens / PER_SECOND)

    def _fill(self, now: float) -> None:
        if self._filled_at is not None and now > self._filled_at:
            gained = (now - self._filled_at) * PER_SECOND
            self._tokens = min(CAPACITY, self._tokens + gained)
        self._filled_at = now if self._filled_at is None else max(now, self._filled_at)
