"""The process's environment, read once and passed in: streams, terminals, width, colour."""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TextIO

import msgspec

from kvsctl.errors import ExitStatus
from kvsctl.files.raw import write_all
from kvsctl.report.colour import has_colour, is_dumb
from kvsctl.report.escape import visible
from kvsctl.report.log.json_log import JsonLog

if TYPE_CHECKING:
    from kvsctl.files.sinks import ByteSink
    from kvsctl.report.progress.standing import Display

_TERMINAL_WIDTH: Final = 80
_LOG_WIDTH: Final = 100
_LEAST_WIDTH: Final = 20
_END_OF_TYPING: Final = "Ctrl-Z and Enter" if os.name == "nt" else "Ctrl-D"
_LINES: Final = 24


class Environment(msgspec.Struct, frozen=True):
    """Where a command runs. A descriptor is None if the process was started without it.

    `stdout_sink` returns a sink for records in place of `stdout_fd`, for jobs that share stdout.
    Its argument is a function to call when output was written or has failed. `display`: where a job
    that is part of another one shows how far it is, whatever its own settings are.

    `width` and `encoding` are those of stderr, as `stdout_width` and `stdout_encoding` are those of
    stdout. `can_redraw`: whether stderr is a terminal on which a line can be overwritten. `log`:
    the log for programs, in place of lines on stderr.
    """

    stdout_fd: int | None
    stderr_fd: int | None
    stdout_is_terminal: bool
    stderr_is_terminal: bool
    stderr_has_colour: bool
    can_redraw: bool
    width: int
    encoding: str = "utf-8"
    stdin_is_open: bool = True
    stdin_is_terminal: bool = False
    log: JsonLog | None = None
    stdout_has_colour: bool = False
    stdout_width: int = _LOG_WIDTH
    stdout_encoding: str = "utf-8"
    stdout_sink: "Callable[[Callable[[], None]], ByteSink] | None" = None
    display: "Display | None" = None

    @classmethod
    def of_process(cls, variables: Mapping[str, str] = os.environ) -> "Environment":
        """Return this process's environment as it is now. Call it before anything opens a file."""
        stdout_fd = _descriptor(sys.__stdout__, 1)
        stderr_fd = _descriptor(sys.__stderr__, 2)
        stdout_is_terminal = _is_terminal(stdout_fd)
        stderr_is_terminal = _is_terminal(stderr_fd)
        return cls(
            stdout_fd=stdout_fd,
            stderr_fd=stderr_fd,
            stdout_is_terminal=stdout_is_terminal,
            stderr_is_terminal=stderr_is_terminal,
            stderr_has_colour=has_colour(variables, is_terminal=stderr_is_terminal),
            can_redraw=stderr_is_terminal and not is_dumb(variables),
            width=_width(variables, stderr_fd if stderr_is_terminal else None),
            encoding=_encoding(sys.__stderr__),
            stdin_is_open=sys.__stdin__ is not None,
            stdin_is_terminal=_is_terminal(_descriptor(sys.__stdin__, 0)),
            stdout_has_colour=has_colour(variables, is_terminal=stdout_is_terminal),
            stdout_width=_width(variables, stdout_fd if stdout_is_terminal else None),
            stdout_encoding=_encoding(sys.__stdout__),
        )

    def terminal_size(self) -> tuple[int, int]:
        """Return the current columns and lines of the terminal, which may have been resized.

        COLUMNS cannot make it wider than it is, because lines would wrap.
        """
        columns = lines = 0
        if self.stderr_fd is not None:
            with suppress(OSError):
                columns, lines = os.get_terminal_size(self.stderr_fd)
        given = _given_columns(os.environ)
        return min(filter(None, (columns, given)), default=_TERMINAL_WIDTH), lines or _LINES

    @property
    def is_in_foreground(self) -> bool:
        """Whether this process may draw on the terminal, because it is in the foreground."""
        if self.stderr_fd is None or not hasattr(os, "tcgetpgrp"):  # Windows has no such groups
            return True
        try:
            return os.tcgetpgrp(self.stderr_fd) == os.getpgrp()
        except OSError:  # it is not the controlling terminal
            return True

    @property
    def is_drawn_on(self) -> bool:
        """Whether lines on stderr are styled and folded: it is a terminal, or colour is forced."""
        return self.stderr_has_colour or self.can_redraw

    def write_line(self, text: str) -> None:
        """Write text and a line feed to stderr at once; ignore a stderr that is closed.

        Text from outside must have been made `visible` before.
        """
        self.write_stderr(f"{text}\n")

    def logging(self, command: str) -> "Environment":
        """Return the same environment with a log on its stderr."""
        return msgspec.structs.replace(self, log=JsonLog(command, self.write_stderr_bytes))

    def note(self, text: str, hint: str | None = None) -> None:
        """Write a note to stderr, under the command's name. Text from outside must be `visible`."""
        if self.log is not None:
            self.log.log("note", message=text, hint=hint)
            return
        self.write_line(f"kvsctl: {text}")
        if hint:
            self.write_line(hint)

    def say_stdin_is_read(self) -> None:
        """Note on a terminal that the command reads what is typed, and how to end that."""
        if self.stdin_is_terminal and self.stderr_is_terminal:
            self.note(f"reading stdin, {_END_OF_TYPING} ends")

    def warn(self, text: str) -> None:
        """Write a warning to stderr. Text from outside must be `visible`.

        On a terminal, its lines are broken between words.
        """
        if self.log is not None:
            self.log.log("warning", "warning", message=text)
            return
        line = f"kvsctl: warning: {text}"
        if self.is_drawn_on:
            from kvsctl.report.styled import wrapped  # few runs have warnings

            line = wrapped(line, self.width)
        self.write_line(line)

    def fail(self, message: str, hint: str | None, status: ExitStatus | None = None) -> None:
        """Write an error to stderr. `status`: the exit code, if no report holds it."""
        if self.log is not None:
            self.log.fail(message, hint, status)
            return
        self.write_line(f"kvsctl: {visible(message)}")
        if hint:
            self.write_line(visible(hint))

    def write_stderr(self, text: str) -> None:
        """Write text to stderr, escaping what its encoding lacks; never raise OSError."""
        self.write_stderr_bytes(text.encode(self.encoding, "backslashreplace"))

    def write_stderr_bytes(self, chunk: bytes) -> None:
        """Write bytes to stderr at once; ignore a stderr that is closed."""
        if self.stderr_fd is not None:
            with suppress(OSError):
                write_all(self.stderr_fd, chunk)


def _descriptor(stream: TextIO | None, fd: int) -> int | None:
    # Python sets a stream to None if its descriptor was closed when the process began. The number
    # may belong to another file by now, so it must not be used.
    return None if stream is None else fd


def _encoding(stream: TextIO | None) -> str:
    return "utf-8" if stream is None else stream.encoding


def _is_terminal(fd: int | None) -> bool:
    return fd is not None and os.isatty(fd)


def _given_columns(variables: Mapping[str, str]) -> int:
    """Return the width that the user has set; 0: none."""
    given = variables.get("COLUMNS", "")
    return int(given) if given.isdecimal() else 0


def _width(variables: Mapping[str, str], terminal_fd: int | None) -> int:
    if given := _given_columns(variables):
        return max(given, _LEAST_WIDTH)
    if terminal_fd is None:
        return _LOG_WIDTH
    try:
        return max(os.get_terminal_size(terminal_fd).columns or _TERMINAL_WIDTH, _LEAST_WIDTH)
    except OSError:
        return _TERMINAL_WIDTH
