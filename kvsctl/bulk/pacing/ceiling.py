"""A limit that refusals have shown, and careful tries to raise it. Pure."""

import math
from typing import Final

_STEP: Final = 0.02
_MAX_STEP: Final = 0.32
_MAX_PATIENCE: Final = 16
_LOW_NOISE: Final = 0.02
_NOISE_ALLOWANCE: Final = 2
"""How many more refusals a try may have, if the service refuses over 2 % at any load."""


class Ceiling:
    """A limit that is unknown until refusals show it, and from then on tried to be raised.

    `learnt` is the rate that the service accepted while it refused more. `allowed` may be somewhat
    higher: a try, to find out whether the limit has risen. If the service refuses the try, it ends
    and the time until the next try doubles. If it does not, the next step is twice as large.
    """

    def __init__(self) -> None:
        self._quiet_seconds = self._bearable = 0.0
        self._patience = 1
        self._step = _STEP
        self._next_try = 0.0
        self._is_binding = False
        self._tried = self._refused = 0
        self.learnt: float | None = None
        self.allowed = math.inf

    def learn(self, rate: float, now: float, quiet_seconds: float, bearable: float) -> None:
        """Set the limit. `quiet_seconds` is how long it holds before the first try.

        `bearable` is the share of a try's requests that may be refused.
        """
        self.learnt = self.allowed = rate
        self._quiet_seconds, self._bearable = quiet_seconds, bearable
        self._rest(now)

    def forget(self) -> None:
        """Remove the limit: the service contradicted it."""
        self.learnt, self.allowed = None, math.inf
        self._patience = 1

    def note_held(self) -> None:
        """Note that the limit has held a request back."""
        self._is_binding = True

    def note(self, now: float, noise: float, *, was_refused: bool) -> bool:
        """Note that a request ended. Return whether a try explains its refusal.

        `noise`: the share of requests that the service refuses at any load.
        """
        if self.learnt is None:
            return False
        if self.allowed > self.learnt:
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
        if noise <= _LOW_NOISE:
            return self._tried * self._bearable
        return _NOISE_ALLOWANCE + self._tried * max(self._bearable, 2 * noise)

    def _grow(self, now: float) -> None:
        """Allow a little more, if the limit has held requests back for long enough."""
        assert self.learnt is not None  # noqa: S101
        if not self._is_binding or now < self._next_try:
            return
        if self.allowed > self.learnt:
            self.learnt, self._patience = self.allowed, 1
            self._step = min(2 * self._step, _MAX_STEP)
        self.allowed = self.learnt * (1 + self._step)
        self._next_try = now + self._quiet_seconds
        self._is_binding = False
        self._tried = self._refused = 0

    def _rest(self, now: float) -> None:
        self._step = _STEP
        self._next_try = now + self._patience * self._quiet_seconds
        self._is_binding = False
