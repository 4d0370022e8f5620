"""What is to be written in one turn of the loop, written together at its end."""

import asyncio
from collections.abc import Callable


class Outbox:
    """Holds writes back until all that could run in a turn of the loop has.

    Several requests are made in a turn, and each that is written wakes a server that waits, on
    another processor: written one after the other, they find it awake. None waits for more than
    the turn.
    """

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] = []

    def add(self, write: Callable[[], None]) -> None:
        """Calls `write` in a moment."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._write_all)
        self._waiting.append(write)

    def _write_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for write in waiting:
            write()
