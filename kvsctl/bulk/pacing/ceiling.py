"""A limit that refusals have shown, and careful tries to raise it. Pure."""

import math
from typing import Final

_STEP: Final = 0.04
_MAX_STEP: Final = 0.32
_MAX_PATIENCE: Final = 16
_USED: Final = 0.95
"""If less than this share of a limit is used, something else holds requests back."""
_LOW_NOISE: Final = 0.02
_NOISE_ALLOWANCE: Final = 2
"""How many more refusals a try may have, if some may be noise."""
_SAMPLE: Final = 40
_FEW_REFUSALS: Final = 1.5
"""This many refusals beyond noise, among `_SAMPLE` requests, show that a limit is too high."""


class Ceiling:
    """A limit that is unknown until refusals show it. From then on, higher ones are tried.

    `learnt` is the rate that the service accepted while it refused more. `allowed` may be somewhat
    higher: a try, to find out whether the limit has risen. If the service refuses the try, it ends
    and the time until the next try doubles. If it does not, the next step is twice as large.
    A new or raised limit is proved once: if more of its first requests are refused than noise
    explains, the limit falls by the share that is in excess.
    """

    def __init__(self) -> None:
        self._quiet_seconds = self._bearable = 0.0
        self._patience = 1
        self._step = _STEP
        self._since = self._next_try = 0.0
        self._used = 0.0
        self._ended = self._refused = 0
        self._noise = 0.0
        self._is_proven = False
        self.learnt: float | None = None
        self.allowed = math.inf

    def learn(self, rate: float, now: float, quiet_seconds: float, bearable: float) -> None:
        """Set the limit. `quiet_seconds` is how long it holds before the first try.

        `bearable` is the share of a try's requests that may be refused.
        """
        self.learnt = rate
        self._is_proven = False
        self._quiet_seconds, self._bearable = quiet_seconds, bearable
        self._rest(now)

    def forget(self) -> None:
        """Remove the limit, because the service contradicted it."""
        self.learnt, self.allowed = None, math.inf
        self._patience = 1

    def note_used(self, amount: float) -> None:
        """Note that an amount was used, or, if it is negative, given back."""
        self._used += amount

    def note_accepted(self, now: float, noise: float) -> None:
        """Note that the service accepted a request.

        `noise`: the share of requests that the service refuses at any load.
        """
        if self.learnt is None:
            return
        self._count(noise)
        if self._ended >= _SAMPLE and not self._is_proven and self.allowed == self.learnt:
            self._prove()
        if now >= self._next_try:
            self._grow(now)

    def note_refused(self, now: float, noise: float) -> bool:
        """Note that the service refused a request. Return whether a try explains that."""
        if self.learnt is None:
            return False
        self._count(noise)
        self._refused += 1
        if self.allowed > self.learnt:
            if self._refused > self._most_refused(noise):
                self._patience = min(2 * self._patience, _MAX_PATIENCE)
                self._rest(now)
            return True
        return False

    def _count(self, noise: float) -> None:
        if not self._ended:
            self._noise = noise
        self._ended += 1

    def _prove(self) -> None:
        """Lower a new limit if more requests are refused than noise explains."""
        assert self.learnt is not None  # noqa: S101
        self._is_proven = True
        excess = self._refused - self._noise * self._ended
        if excess >= _FEW_REFUSALS:
            self.learnt = self.allowed = self.learnt * (1 - excess / self._ended)

    def _most_refused(self, noise: float) -> float:
        """Return how many requests of a try may be refused."""
        if noise <= _LOW_NOISE and not self._bearable:
            return 0.0
        return _NOISE_ALLOWANCE + self._ended * max(self._bearable, 2 * noise)

    def _grow(self, now: float) -> None:
        """Allow a little more, if requests have used the limit for long enough."""
        assert self.learnt is not None  # noqa: S101
        is_used = self._used >= _USED * self.allowed * (now - self._since)
        if is_used and self.allowed > self.learnt:
            self.learnt, self._patience = self.allowed, 1
            self._is_proven = False
            self._step = min(2 * self._step, _MAX_STEP)
        self._begin(now, self._quiet_seconds)
        if is_used:
            self.allowed = self.learnt * (1 + self._step)

    def _rest(self, now: float) -> None:
        self._step = _STEP
        self._begin(now, self._patience * self._quiet_seconds)

    def _begin(self, now: float, seconds: float) -> None:
        assert self.learnt is not None  # noqa: S101
        self.allowed = self.learnt
        self._since, self._next_try = now, now + seconds
        self._used = 0.0
        self._ended = self._refused = 0
