"""When the next request may start."""

from collections.abc import Callable


class Pacer:
    """Holds all senders back while the service asks for it."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._held_until = float("-inf")

    def hold(self, seconds: float) -> None:
        """Lets no request start for `seconds`, nor sooner than an earlier hold ends."""
        self._held_until = max(self._held_until, self._monotonic() + seconds)

    @property
    def wait_seconds(self) -> float:
        """How long until a request may start; 0 when it may now."""
        return max(0.0, self._held_until - self._monotonic())
