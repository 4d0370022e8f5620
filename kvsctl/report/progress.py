"""The progress bar of a run."""

import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from kvsctl.bulk.events import (
    Event,
    PageListed,
    RecordsRead,
    RequestEnded,
    Settled,
    Waiting,
    WaitReason,
)
from kvsctl.model import State
from kvsctl.report.escape import visible
from kvsctl.slabs import Successes

_BAR_WIDTH: Final = 24
_LEAST_BAR_WIDTH: Final = 8
_REDRAWS_PER_SECOND: Final = 8
_RATE_SECONDS: Final = 5.0
_OK: Final = 200
_PREFIX_CHARACTERS: Final = 30
_REASONS: Final = {
    WaitReason.QUOTA: ("quota used up", "resumes"),
    WaitReason.THROTTLED: ("429: throttled", "resumes"),
    WaitReason.UNREACHABLE: ("cannot reach the target", "next attempt"),
    WaitReason.FAILING: ("the target fails", "next attempt"),
}
"""What the line shows while a run waits, and what then happens."""


class ProgressBarLine:
    """A listener that draws one line on a terminal, as a context manager.

    Leaving the context erases the line. The listener only counts; a thread redraws the line a few
    times per second, also while there are no events. `fraction_read` returns how much of the input
    was read, from 0 to 1, or None while that is unknown: then the line has a count, but no bar and
    no time left. A listing shows its pages and the prefix that it reads. `least_seconds` returns
    how long the quota makes so many requests and units take. `columns` returns the current width of
    the terminal.
    """

    wants = frozenset({Settled, RecordsRead, RequestEnded, PageListed, Waiting})

    def __init__(
        self,
        console: Console,
        label: str,
        *,
        fraction_read: Callable[[], float | None] = lambda: None,
        least_seconds: Callable[[int, int], float] = lambda _requests, _units: 0.0,
        clock: Callable[[], float] = time.monotonic,
        columns: Callable[[], int] | None = None,
    ) -> None:
        self._console = console
        self._label = label
        self._fraction_read = fraction_read
        self._clock = clock
        self._columns = columns
        self._started = clock()
        self._read = 0
        self._settled = 0
        self._failed = 0
        self._requests = 0
        self._units = 0
        self._pages = 0
        self._prefix = ""
        self._least_seconds = least_seconds
        self._waiting: WaitReason | None = None
        self._waits_until = self._started
        self._samples: deque[tuple[float, int]] = deque([(self._started, 0)])
        self._live = Live(
            console=console,
            get_renderable=self.render,
            refresh_per_second=_REDRAWS_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __call__(self, event: Event) -> None:
        """Count the event."""
        match event:
            case Settled(outcomes):
                self._settled += len(outcomes)
                if not isinstance(outcomes, Successes):
                    self._failed += sum(outcome.state is State.FAILED for outcome in outcomes)
            case RecordsRead(count):
                self._read += count
            case RequestEnded():
                self._requests += 1
                self._units += event.units
                if event.status == _OK:
                    self._waiting = None
            case PageListed(prefix):
                self._pages += 1
                self._prefix = prefix
            case Waiting(reason, wait_seconds):
                until = self._clock() + wait_seconds
                is_same = reason is self._waiting
                self._waits_until = max(self._waits_until, until) if is_same else until
                self._waiting = reason

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def print_above(self, text: str) -> None:
        """Write a line of printable text above the progress line."""
        self._console.print(Text(text))

    def render(self) -> RenderableType:
        """Return the line as it is now."""
        if self._columns is not None:
            self._console.width = self._columns()
        now = self._clock()
        done = self._fraction_done()
        details = Text("  ").join(self._parts(now, done))
        label = Text(self._label, "bold")
        room = self._console.width - label.cell_len - details.cell_len - 2
        if done is None or room < _LEAST_BAR_WIDTH:
            line = Text(" ").join([label, details])
            line.truncate(self._console.width, overflow="ellipsis")
            return line
        table = Table.grid(padding=(0, 1))
        table.add_row(
            label,
            ProgressBar(
                total=1.0,
                completed=done,
                width=min(room, _BAR_WIDTH),
                complete_style="cyan",  # by default red, as failures are
                finished_style="cyan",
            ),
            details,
        )
        return table

    def _parts(self, now: float, done: float | None) -> list[Text]:
        parts = []
        if self._waiting is not None:
            parts.append(Text(self._reason(self._waiting, now), "yellow"))
        if done is not None:
            parts.append(Text(f"{done:4.0%}"))
        word = "key" if self._pages else "record"
        parts.append(Text(f"{self._settled:,} {word}{'' if self._settled == 1 else 's'}"))
        if self._pages:
            parts.append(Text(f"{self._pages:,} page{'' if self._pages == 1 else 's'}"))
        parts.append(Text(f"{self._rate(now):,.0f}/s"))
        if self._prefix:
            parts.append(Text(f"at {visible(self._prefix, _PREFIX_CHARACTERS)}", "dim"))
        if self._failed:
            parts.append(Text(f"{self._failed:,} failed", "red"))
        if done:
            parts.append(Text(f"{_clock_time(self._seconds_left(now, done))} left"))
        return parts

    def _reason(self, waiting: WaitReason, now: float) -> str:
        reason, then = _REASONS[waiting]
        if now >= self._waits_until:
            return f"{reason}, trying now"
        return f"{reason}, {then} in {_clock_time(self._waits_until - now)}"

    def _seconds_left(self, now: float, done: float) -> float:
        """Return the time left at the rate so far, or by the quota if that is longer."""
        elapsed = now - self._started
        least = self._least_seconds(round(self._requests / done), round(self._units / done))
        return max(elapsed * (1 - done) / done, least - elapsed)

    def _fraction_done(self) -> float | None:
        """Return how much of the input is settled: records that are only read are not done."""
        fraction = self._fraction_read()
        if fraction is None:
            return None
        settled_of_read = self._settled / self._read if self._read else 0.0
        return min(1.0, max(0.0, fraction * settled_of_read))

    def _rate(self, now: float) -> float:
        """Return the records per second, averaged over the last `_RATE_SECONDS`."""
        self._samples.append((now, self._settled))
        while len(self._samples) > 2 and self._samples[1][0] <= now - _RATE_SECONDS:
            self._samples.popleft()
        since, settled_then = self._samples[0]
        return (self._settled - settled_then) / (now - since) if now > since else 0.0


def _clock_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
