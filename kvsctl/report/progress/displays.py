"""Where it is shown how far a run is: a line on a terminal; a line per minute in a log."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kvsctl.report.console import Environment
from kvsctl.report.progress.line import Lines, heartbeat_text
from kvsctl.report.progress.painter import Painter
from kvsctl.report.progress.standing import Followed
from kvsctl.report.styled import Span


class TerminalDisplay:
    """One line at the end of what the terminal shows, which is erased at the end."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._lines = Lines(environment.encoding)
        self._painter: Painter | None = None

    @contextmanager
    def showing(self, followed: Followed) -> Iterator[None]:
        """See Display."""

        def rows(columns: int, _lines: int) -> Sequence[list[Span]]:
            return [self._lines.line(followed.standing(), columns)]

        with Painter(self._environment, rows) as self._painter:
            yield
        self._painter = None

    def write_above(self, text: str) -> None:
        """See Display."""
        if self._painter is None:
            self._environment.note(text)
        else:
            self._painter.write_above(f"kvsctl: {text}")


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
