"""When refusals mean that a limit was met, and when that a single request was unlucky. Pure."""

from collections import deque
from typing import Final

_REMEMBERED: Final = 30
_IN_A_ROW: Final = 3
_OF_REMEMBERED: Final = 8


class Refusals:
    """The last requests of a run: one 429 alone teaches nothing, several do."""

    def __init__(self) -> None:
        self._last: deque[bool] = deque(maxlen=_REMEMBERED)
        self._in_a_row = 0

    def note(self, *, was_refused: bool) -> None:
        """How one more request ended."""
        self._last.append(was_refused)
        self._in_a_row = self._in_a_row + 1 if was_refused else 0

    @property
    def are_many(self) -> bool:
        """Whether the service has refused so often of late that it means a limit."""
        return self._in_a_row >= _IN_A_ROW or sum(self._last) >= _OF_REMEMBERED

    def forget(self) -> None:
        """What was refused has taught what it could."""
        self._last.clear()
        self._in_a_row = 0
