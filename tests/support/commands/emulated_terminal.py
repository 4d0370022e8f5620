"""A terminal whose screen a test can look at: a pseudo-terminal, and an emulation of its screen."""

import os
import select
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyte

from tests.support.commands.command import Command
from tests.support.needs import system_module
from tests.support.waiting import wait_until


class _Screen(pyte.Screen):
    """A screen whose rows go into a history if it is erased as a whole, as that of tmux."""

    def __init__(self, columns: int, lines: int) -> None:
        self.history: list[str] = []
        super().__init__(columns, lines)

    def erase_in_display(self, how: int = 0, *args: Any, **kwargs: Any) -> None:
        if how == 0 and (self.cursor.x, self.cursor.y) == (0, 0):
            self.history += [row for line in self.display if (row := line.rstrip())]
        super().erase_in_display(how, *args, **kwargs)


class EmulatedTerminal:
    """A pseudo-terminal of `columns` and `lines`; programs write to `fd`.

    A thread draws what they write on a screen. `shown` are the bytes so far. `frames` are all
    screens that were seen after something was written, each as its rows.
    """

    def __init__(self, columns: int = 80, lines: int = 12) -> None:
        self._near, self.fd = system_module("pty").openpty()  # Windows has none
        self._screen = _Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._is_closing = False
        self.shown = b""
        self.frames: list[list[str]] = []
        self.resize(columns, lines)
        self._reader = threading.Thread(target=self._read, name="terminal", daemon=True)
        self._reader.start()

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size, as a user does who pulls at its window."""
        size = struct.pack("HHHH", lines, columns, 0, 0)
        system_module("fcntl").ioctl(self.fd, system_module("termios").TIOCSWINSZ, size)
        with self._lock:
            self._screen.resize(lines, columns)

    def take(self) -> None:
        """Make it the terminal of this process, which leads a session: call it in a child."""
        system_module("fcntl").ioctl(self.fd, system_module("termios").TIOCSCTTY, 0)

    def type(self, keys: bytes) -> None:
        """Type, as a user does. The terminal shows what is typed."""
        os.write(self._near, keys)

    @property
    def rows(self) -> list[str]:
        """What the screen shows now, without blank rows."""
        with self._lock:
            return self._rows()

    @property
    def history(self) -> list[str]:
        """The rows that were put into the history because the whole screen was erased."""
        with self._lock:
            return list(self._screen.history)

    @property
    def cursor(self) -> tuple[int, int]:
        """The column and row of the cursor."""
        with self._lock:
            return self._screen.cursor.x, self._screen.cursor.y

    @property
    def modes(self) -> set[int]:
        """The modes of the terminal that programs can change, such as whether lines wrap."""
        with self._lock:
            return set(self._screen.mode)

    def wait_for(self, holds: Callable[[list[str]], bool]) -> list[str]:
        """Return the rows once they are as wanted. Fail if they never are."""
        wait_until(lambda: holds(self.rows))
        return self.rows

    def settled_rows(self) -> list[str]:
        """Return what the screen shows once all that was written so far is on it."""
        mark = b"\x1b[0m" * 2  # shows nothing
        marks = self.shown.count(mark)
        os.write(self.fd, mark)
        wait_until(lambda: self.shown.count(mark) > marks)
        return self.rows

    def close(self) -> None:
        """Read what is left, and close the terminal."""
        os.close(self.fd)
        self._is_closing = True
        self._reader.join(30)
        os.close(self._near)

    def _rows(self) -> list[str]:
        return [row for line in self._screen.display if (row := line.rstrip())]

    def _read(self) -> None:
        while True:
            if not select.select([self._near], [], [], 1)[0]:
                if self._is_closing:
                    return
                continue
            try:
                chunk = os.read(self._near, 65536)
            except OSError:  # Linux says so when the last process has left the terminal
                return
            if not chunk:
                return
            with self._lock:
                self._stream.feed(chunk)
                self.shown += chunk
                self.frames.append(self._rows())


@contextmanager
def emulated_terminal(columns: int = 80, lines: int = 12) -> Iterator[EmulatedTerminal]:
    """Open a terminal, and close it at the end."""
    terminal = EmulatedTerminal(columns, lines)
    try:
        yield terminal
    finally:
        terminal.close()


def started(
    command: Command, terminal: EmulatedTerminal, *words: str | Path, prelude: str = ""
) -> "subprocess.Popen[bytes]":
    """Start kvsctl in the foreground of a terminal, as a shell does."""
    streams: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), terminal.fd)
    return command.start(
        *words, prelude=prelude, start_new_session=True, preexec_fn=terminal.take, **streams
    )
