"""Distinguish refusals that mean a limit from random ones. Pure.

A limit refuses a larger share the more requests are sent. Random refusals are the same share at any
load. So a share of refusals is first taken for a limit. If the service still refuses that share
when requests keep to the limit that was learnt from it, the share is *noise*. From then on, only
more refusals than noise explains mean a limit.
"""

import math
from collections import deque
from typing import Final

_SHORT: Final = 30
_LONG: Final = 200
_UNLIKELY: Final = 2e-4
"""Consecutive refusals mean a limit if noise has at most this probability of as many."""
_DEVIATIONS: Final = 4.25
"""Refusals mean a limit if they exceed noise by this many standard deviations."""
_LEARNING: Final = 0.02
_USUAL_NOISE: Final = 0.1
"""A larger share of refusals is taken for a limit at first."""
_MUCH_LESS: Final = 1 / 3
"""If noise falls below this share of the learnt noise, the learnt noise is forgotten."""
_SAMPLE: Final = 12
"""The share of fewer requests means too little."""


class _Last:
    """How many of the last `length` requests were refused."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._ends: deque[bool] = deque(maxlen=length)
        self.refused = 0

    def note(self, *, was_refused: bool) -> None:
        if not (was_refused or self.refused):
            return  # while none was refused, there is nothing to count
        if len(self._ends) == self._length:
            self.refused -= self._ends[0]
        self._ends.append(was_refused)
        self.refused += was_refused

    def most(self, noise: float) -> float:
        """Return the most refusals that noise explains."""
        deviation = math.sqrt(self._length * noise * (1 - noise))
        return self._length * noise + _DEVIATIONS * deviation

    def forget(self) -> None:
        self._ends.clear()
        self.refused = 0


class Refusals:
    """How the latest requests ended. A single 429 means nothing, several mean a limit.

    `noise` is the share of requests that the service seems to refuse at any load.
    """

    def __init__(self) -> None:
        self._short, self._long = _Last(_SHORT), _Last(_LONG)
        self._consecutive_refused = 0
        self._accepted = self._refused = 0  # since the last block, up to the last accepted request
        self._share_before = 0.0  # of the time up to the last block
        self._most_noise = _USUAL_NOISE
        self.noise = self._noise_at_pass = 0.0

    def note(self, *, was_refused: bool, is_ordinary: bool) -> None:
        """Note how a request ended. `is_ordinary`: not a probe, and within the learnt limits."""
        self._short.note(was_refused=was_refused)
        self._long.note(was_refused=was_refused)
        if is_ordinary:
            noise = self.noise + (was_refused - self.noise) * _LEARNING
            self.noise = min(noise, self._most_noise)
        if was_refused:
            self._consecutive_refused += 1
            return
        self._accepted += 1
        self._refused += self._consecutive_refused
        self._consecutive_refused = 0
        self._noise_at_pass = self.noise
        if self.noise < _MUCH_LESS * self._most_noise:
            self._most_noise = _USUAL_NOISE

    @property
    def are_many(self) -> bool:
        """Whether the latest requests were refused so often that it means a limit."""
        noise = self._most_noise
        return (
            noise**self._consecutive_refused <= _UNLIKELY
            or self._short.refused >= self._short.most(noise)
            or self._long.refused >= self._long.most(noise)
        )

    def learn_noise(self) -> bool:
        """Return whether the refusals are noise, and learn how much there is.

        They are noise if requests that keep to a learnt limit were refused at least as often as
        those before the last block. The latest refusals do not count: a limit that was just reached
        would explain them.
        """
        share, before = self._share, self._share_before
        if min(share, before) <= _USUAL_NOISE or share < before:
            return False
        self._most_noise = max(self._most_noise, share)
        self.noise = self._noise_at_pass = self._most_noise
        return not self.are_many

    def forget(self) -> None:
        """Forget the refusals: a limit explains them."""
        self.noise = self._noise_at_pass
        self._short.forget()
        self._long.forget()
        self._consecutive_refused = 0
        if self._accepted + self._refused >= _SAMPLE:
            self._share_before = self._share
            self._accepted = self._refused = 0

    @property
    def _share(self) -> float:
        ended = self._accepted + self._refused
        return self._refused / ended if ended >= _SAMPLE else 0.0
