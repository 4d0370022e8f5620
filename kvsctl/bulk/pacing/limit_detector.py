"""Distinguish refusals that mean a limit from random ones. Pure."""

from collections import deque
from typing import Final

_CONSECUTIVE: Final = 4
_SHORT, _OF_SHORT = 30, 10
_LONG, _OF_LONG = 200, 40
_LEARNING: Final = 0.02
_MAX_NOISE: Final = 0.1
"""A larger share of refusals is taken for a limit."""


class _Last:
    """How many of the last `length` requests were refused."""

    def __init__(self, length: int) -> None:
        self._ends: deque[bool] = deque(maxlen=length)
        self.refused = 0

    def note(self, *, was_refused: bool) -> None:
        if not (was_refused or self.refused):
            return  # as long as none was refused, the length does not matter
        if len(self._ends) == self._ends.maxlen:
            self.refused -= self._ends[0]
        self._ends.append(was_refused)
        self.refused += was_refused

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
        self.noise = self._noise_at_pass = 0.0

    def note(self, *, was_refused: bool, is_ordinary: bool) -> None:
        """Note how a request ended. `is_ordinary`: not a probe, and within the learnt limits."""
        self._short.note(was_refused=was_refused)
        self._long.note(was_refused=was_refused)
        self._consecutive_refused = self._consecutive_refused + 1 if was_refused else 0
        if is_ordinary:
            noise = self.noise + (was_refused - self.noise) * _LEARNING
            self.noise = min(noise, _MAX_NOISE)
        if not was_refused:
            self._noise_at_pass = self.noise

    @property
    def are_many(self) -> bool:
        """Whether the latest requests were refused so often that it means a limit."""
        return (
            self._consecutive_refused >= _CONSECUTIVE
            or self._short.refused >= _OF_SHORT
            or self._long.refused >= _OF_LONG
        )

    def forget(self) -> None:
        """Forget the refusals: a limit explains them."""
        self.noise = self._noise_at_pass
        self._short.forget()
        self._long.forget()
        self._consecutive_refused = 0
