"""When refusals mean that a limit was met, and when that a single request was unlucky. Pure."""

from collections import deque
from typing import Final

_CONSECUTIVE: Final = 4
_SHORT, _OF_SHORT = 30, 10
_LONG, _OF_LONG = 200, 40
_LEARNING: Final = 0.02
_MAX_NOISE: Final = 0.1
"""More than this is a limit until it proves not to be one."""
_RECOVERED: Final = 10


class _Last:
    """How many of the last so many requests were refused."""

    def __init__(self, length: int) -> None:
        self._ends: deque[bool] = deque(maxlen=length)
        self.refused = 0

    def note(self, *, was_refused: bool) -> None:
        if not (was_refused or self.refused):
            return  # as long as none is, what passes makes no difference
        if len(self._ends) == self._ends.maxlen:
            self.refused -= self._ends[0]
        self._ends.append(was_refused)
        self.refused += was_refused

    def forget(self) -> None:
        self._ends.clear()
        self.refused = 0


class Refusals:
    """How a run's requests ended of late: one 429 alone teaches nothing, several do.

    `noise` is the share of requests that the service seems to refuse whatever the load.
    """

    def __init__(self) -> None:
        self._short, self._long = _Last(_SHORT), _Last(_LONG)
        self._consecutive_refused = 0
        self._consecutive_passed = 0
        self.noise = 0.0

    def note(self, *, was_refused: bool, is_ordinary: bool) -> None:
        """How one more request ended. `is_ordinary`: neither a probe nor beyond what is learnt."""
        self._short.note(was_refused=was_refused)
        self._long.note(was_refused=was_refused)
        self._consecutive_refused = self._consecutive_refused + 1 if was_refused else 0
        self._consecutive_passed = 0 if was_refused else self._consecutive_passed + 1
        if is_ordinary:
            noise = self.noise + (was_refused - self.noise) * _LEARNING
            self.noise = min(noise, _MAX_NOISE)

    @property
    def are_many(self) -> bool:
        """Whether the service has refused so often of late that it means a limit."""
        return (
            self._consecutive_refused >= _CONSECUTIVE
            or self._short.refused >= _OF_SHORT
            or self._long.refused >= _OF_LONG
        )

    @property
    def are_over(self) -> bool:
        """Whether requests pass again one after the other."""
        return self._consecutive_passed >= _RECOVERED

    def forget(self) -> None:
        """What was refused has taught what it could."""
        self._short.forget()
        self._long.forget()
        self._consecutive_refused = 0
