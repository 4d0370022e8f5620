"""Draw rows at the end of what a terminal shows, and erase them.

The terminal's modes are never changed: the cursor stays visible, lines wrap, input is shown. So a
process that is killed leaves nothing to repair. After each drawing the cursor is at the beginning
of the first row. Whatever a resize does to the rows, they are after the cursor, where the next
drawing replaces them and the end erases them. No row reaches the last column, where terminals
differ.
"""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType, TracebackType
from typing import Final, Self, TypeAlias

from kvsctl.report.console import Environment
from kvsctl.report.styled import Span, row_text
from kvsctl.service.auth.terminal_use import drawn_on, is_lent

_FIRST_SECONDS: Final = 0.3
"""A shorter run draws nothing: it would only flicker."""
_REDRAW_SECONDS: Final = 0.5
_BYTES_PER_SECOND: Final = 800
"""The rate that a slow link can carry: many rows are drawn less often."""
_STOP_SECONDS: Final = 1.0
"""Ctrl-Z waits for a drawing no longer than this: the terminal may accept no output."""
_ERASE_BELOW: Final = "\x1b[J"
_ERASE_ALL: Final = f"\r\x1b[K\x1b[C{_ERASE_BELOW}\r"
"""Erase all rows. tmux would keep them in its history if all were erased from a screen's first cell
on: so the first row is erased by itself, and the others from its second cell on.
"""
_ERASE_RIGHT: Final = "\x1b[K"
_LEAST_COLUMNS: Final = 2

Rows: TypeAlias = Callable[[int, int], Sequence[list[Span]]]
"""Returns the rows to draw, for a number of columns and a number of rows at most."""


class Painter:
    """Draws `rows` in a thread, as a context manager: inside the block, twice per second at most.

    Nothing is written while nothing changes, while the process is in the background, or while a
    token command uses the terminal. Ctrl-Z erases the rows, and `fg` draws them again. A terminal
    that accepts no output blocks the thread, not the run.
    """

    def __init__(self, environment: Environment, rows: Rows) -> None:
        self._environment = environment
        self._rows = rows
        self._lock = threading.RLock()
        self._is_over = threading.Event()
        self._drawn: tuple[int, Sequence[str]] | None = None
        self._pause_seconds = _REDRAW_SECONDS
        self._inside = ExitStack()
        self._thread = threading.Thread(target=self._redraw, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._inside.enter_context(drawn_on(self._clear))
        self._inside.enter_context(_stops_handled(self._stop))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._inside.close()
        self._clear()

    def write_above(self, lines: bytes) -> None:
        """Write whole lines above the rows."""
        with self._lock:
            was_drawn = self._drawn is not None
            self._erase()
            self._environment.write_stderr_bytes(lines)
            if was_drawn:
                self.draw()

    def draw(self) -> None:
        """Draw the rows now, if they have changed."""
        with self._lock:
            environment = self._environment
            columns, lines = environment.terminal_size()
            if self._is_over.is_set() or is_lent() or columns < _LEAST_COLUMNS:
                return
            if not environment.is_in_foreground:
                self._drawn = None  # the process in the foreground writes over the rows
                return
            rows = self._rows(columns - 1, max(1, lines - 1))
            texts = [row_text(row, environment) for row in rows]
            if self._drawn == (columns, texts):
                return
            up = f"\x1b[{len(texts) - 1}A" if len(texts) > 1 else ""
            body = f"{_ERASE_RIGHT}\r\n".join(texts)
            drawing = f"\r{body}{_ERASE_BELOW}{up}\r"
            environment.write_stderr(drawing)
            self._drawn = columns, texts
            self._pause_seconds = pause_after(drawing, environment.encoding)

    def _clear(self) -> None:
        with self._lock:
            self._erase()

    def _stop(self) -> None:
        """Stop the process as Ctrl-Z does, without rows on the terminal, until it continues."""
        was_free = self._lock.acquire(timeout=_STOP_SECONDS)
        try:
            if was_free:
                self._erase()
            signal.raise_signal(signal.SIGTSTP)
        finally:
            if was_free:
                self._lock.release()

    def _erase(self) -> None:
        if self._drawn is not None and self._environment.is_in_foreground:
            self._environment.write_stderr(_ERASE_ALL)
        self._drawn = None

    def _redraw(self) -> None:
        seconds = _FIRST_SECONDS
        while not self._is_over.wait(seconds):
            self.draw()
            seconds = self._pause_seconds


def pause_after(drawing: str, encoding: str) -> float:
    """Return how long the next drawing waits after this one, so that a slow link keeps up."""
    size = len(drawing.encode(encoding, "replace"))
    return max(_REDRAW_SECONDS, size / _BYTES_PER_SECOND)


@contextmanager
def _stops_handled(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` inside the block for each Ctrl-Z, with the default action in place.

    Only the main thread can handle signals, and Windows has no SIGTSTP. A process that ignores it,
    or handles it in another way, continues to do so.
    """
    is_main = threading.current_thread() is threading.main_thread()
    number = getattr(signal, "SIGTSTP", None)
    if number is None or not is_main or signal.getsignal(number) is not signal.SIG_DFL:
        yield
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        try:
            stop()
        finally:
            signal.signal(number, handle)

    signal.signal(number, handle)
    try:
        yield
    finally:
        signal.signal(number, signal.SIG_DFL)
