"""The most that a window of the service seems to hold, learnt from refusals. Pure."""

import math
from typing import Final

_STEP: Final = 0.02
_MAX_STEP: Final = 0.32
_MAX_PATIENCE: Final = 16
_LOW_NOISE: Final = 0.02
_NOISE_ALLOWANCE: Final = 2
"""How many more may be, where the service refuses more than a fiftieth whatever the load."""


class Ceiling:
    """A limit that is unknown until refusals teach it, and probed a little from then.

    `learnt` is what the service let through when it refused more. `allowed` may be somewhat
    more, to find out whether the limit has risen: refusals of what goes beyond take it back and
    double the time until the next try; where they stay out, the next step is twice as large.
    `bearable` is the share of a try's requests that may be refused, `quiet_seconds` how long
    what is learnt holds before the first try.
    """

    def __init__(self, quiet_seconds: float, bearable: float) -> None:
        self._quiet_seconds = quiet_seconds
        self._bearable = bearable
        self._patience = 1
        self._step = _STEP
        self._next_try = 0.0
        self._is_binding = False
        self._tried = self._refused = 0
        self.learnt: float | None = None
        self.allowed = math.inf

    def learn(self, load: float, now: float) -> None:
        """The window holds no more than `load`, and at least one."""
        self.learnt = self.allowed = max(1.0, load)
        self._rest(now)

    def at_least(self, load: float) -> None:
        """What was on its way when the limit was learnt has been let through as well."""
        if self.learnt is not None and load > self.learnt:
            self.learnt = load
            self.allowed = max(self.allowed, load)

    def forget(self) -> None:
        """What was learnt was another window's doing."""
        self.learnt, self.allowed = None, math.inf

    def note_held(self) -> None:
        """It has held a request back."""
        self._is_binding = True

    def note(self, load: float, now: float, noise: float, *, was_refused: bool) -> bool:
        """A request ended under this load. Whether a try explains why it was refused.

        `noise`: the share of requests that the service refuses without a try.
        """
        if self.learnt is None:
            return False
        if self.allowed > self.learnt and load >= self.learnt:
            self._tried += 1
            self._refused += was_refused
            if self._refused > self._borne(noise):
                self.allowed = self.learnt
                self._patience = min(2 * self._patience, _MAX_PATIENCE)
                self._rest(now)
            if was_refused:
                return True
        if not was_refused:
            self._grow(now)
        return False

    def _borne(self, noise: float) -> float:
        if not self._bearable:
            return 0.0
        few = _NOISE_ALLOWANCE if noise > _LOW_NOISE else 0
        return few + self._tried * max(self._bearable, 2 * noise)

    def _grow(self, now: float) -> None:
        """Allows a little more once it has been held to for long enough."""
        assert self.learnt is not None  # noqa: S101
        if not self._is_binding or now < self._next_try:
            return
        if self.allowed > self.learnt:
            self.learnt, self._patience = self.allowed, 1
            self._step = min(2 * self._step, _MAX_STEP)
        self.allowed = self.learnt + max(1.0, self.learnt * self._step)
        self._next_try = now + self._quiet_seconds
        self._is_binding = False
        self._tried = self._refused = 0

    def _rest(self, now: float) -> None:
        self._step = _STEP
        self._next_try = now + self._patience * self._quiet_seconds
        self._is_binding = False
