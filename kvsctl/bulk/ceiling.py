"""The most that a window of the service seems to hold, learnt from refusals. Pure."""

import math
from typing import Final

_STEP: Final = 0.02
_MOST_STEP: Final = 0.32
_MOST_PATIENCE: Final = 16


class Ceiling:
    """A limit that is unknown until refusals teach it, and probed a little from then.

    `learnt` is what the service let through when it refused more. `allowed` may be somewhat
    more, to find out whether the limit has risen: a refusal takes it back and doubles the time
    until the next try; where none comes, the next step is twice as large.
    """

    def __init__(self, quiet_seconds: float) -> None:
        self._quiet_seconds = quiet_seconds
        self._patience = 1
        self._step = _STEP
        self._next_try = 0.0
        self._is_binding = False
        self.learnt: float | None = None
        self.allowed = math.inf

    def learn(self, load: float, now: float) -> None:
        """The window holds no more than `load`, and at least one."""
        self.learnt = self.allowed = max(1.0, load)
        self._rest(now)

    def forget(self) -> None:
        """What was learnt was another window's doing."""
        self.learnt, self.allowed = None, math.inf

    def explains(self, load: float, now: float) -> bool:
        """Whether a refusal under this load only says that a try went too far; takes it back."""
        if self.learnt is None or load < self.learnt:
            return False
        self.allowed = self.learnt
        self._patience = min(2 * self._patience, _MOST_PATIENCE)
        self._rest(now)
        return True

    def note_held(self) -> None:
        """It has held a request back."""
        self._is_binding = True

    def grow(self, now: float) -> None:
        """Allows a little more if it has been held to for long enough without a refusal."""
        if self.learnt is None or not self._is_binding or now < self._next_try:
            return
        if self.allowed > self.learnt:  # what was tried has passed
            self.learnt, self._patience = self.allowed, 1
            self._step = min(2 * self._step, _MOST_STEP)
        self.allowed = self.learnt + max(1.0, self.learnt * self._step)
        self._next_try = now + self._quiet_seconds
        self._is_binding = False

    def _rest(self, now: float) -> None:
        self._step = _STEP
        self._next_try = now + self._patience * self._quiet_seconds
        self._is_binding = False
