"""Log how far a run is: a line per minute."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from kvsctl.report.console import Environment
from kvsctl.report.progress.standing import Followed


class HeartbeatDisplay:
    """A line every `seconds` since the job began, on an event loop. It writes nothing else."""

    def __init__(self, environment: Environment, seconds: int) -> None:
        self._environment = environment
        self._seconds = seconds
        self._next_at: float | None = None

    @contextmanager
    def showing(self, followed: Followed) -> Iterator[None]:
        """See Display."""
        loop = asyncio.get_running_loop()
        if self._next_at is None:
            self._next_at = loop.time() + self._seconds

        timers: list[asyncio.TimerHandle] = []

        def beat() -> None:
            self._write(followed)
            self._next_at = loop.time() + self._seconds
            timers[:] = [loop.call_at(self._next_at, beat)]

        timers.append(loop.call_at(self._next_at, beat))
        try:
            yield
        finally:
            timers[0].cancel()

    def write_above(self, text: str) -> None:
        """See Display."""
        self._environment.note(text)

    def _write(self, followed: Followed) -> None:
        from kvsctl.report.progress.line import heartbeat_text  # few runs are that long

        standing, log = followed.standing(), self._environment.log
        if log is None:
            self._environment.note(heartbeat_text(standing))
            return
        pause = standing.pause
        left = standing.seconds_left
        log.log(
            "progress",
            records=standing.count,
            done=None if standing.done is None else round(standing.done, 4),
            pages=standing.pages or None,
            records_per_s=round(standing.rate, 1),
            left_s=None if left is None else round(left),
            failed=standing.failed,
            retries=standing.retries,
            pause=None if pause is None else ", ".join(text for text in pause if text),
        )
