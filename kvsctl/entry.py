"""Turn every way in which a command can end into an exit code and a few lines."""

import atexit
import gc
import io
import os
import sys
from contextlib import suppress
from typing import Any, Final, NoReturn, TextIO

from kvsctl import __version__
from kvsctl.errors import ExitStatus, KvsctlError, stdout_failed
from kvsctl.unexpected import explained

_COMPLETION: Final = "_KVSCTL_COMPLETE"
"""Set by the completion scripts when the shell asks for completions."""

_STDERR: Final = 2
_GARBAGE_THRESHOLD: Final = 100_000
"""Objects made at start-up stay for good; searching them for garbage takes 5 % of a short run.

The threshold holds for the whole process: it creates few reference cycles.
"""


def main() -> None:
    """Run the command line and exit with a code of `ExitStatus`, never with a traceback.

    If `KVSCTL_DEBUG` is set, a defect of kvsctl does show its traceback.
    """
    _occupy_standard_descriptors()
    try:
        with _Stdout():
            _run(sys.argv[1:])
    except KvsctlError as error:
        _end(error)
    except Exception as error:
        if os.environ.get("KVSCTL_DEBUG"):
            raise
        _end(explained(error))


def _end(error: KvsctlError) -> NoReturn:
    """Print an error, also as JSON if the command line asks for that, and exit with its code."""
    _print_error(error)
    words = sys.argv[1:]
    if any(word.startswith("--json") for word in words):
        # Imported here: few commands end like this, and the import may fail as the command did.
        with suppress(Exception):
            from kvsctl.cli.errors.for_programs import command_path, is_wanted, print_error

            if is_wanted(words):
                print_error(error, command_path(words))
    sys.exit(error.status)


def _occupy_standard_descriptors() -> None:
    """Open the null device for each standard stream that the process was started without.

    Otherwise a file or connection would get its number: the output of a child process would go
    into the file, and libuv, which never closes a standard stream, would abort the process.
    `sys.stdout` and the others stay None, which shows that the stream is closed.
    """
    while (fd := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(fd, True)
    os.close(fd)


def _run(words: list[str]) -> None:
    gc.set_threshold(_GARBAGE_THRESHOLD)
    # The interpreter searches all objects for garbage as it ends, although the process gives its
    # memory back anyway. Frozen objects are not searched, which saves a tenth of the instructions
    # of a help page.
    atexit.register(gc.freeze)
    is_completion = _COMPLETION in os.environ and sys.stdout is not None
    if words in (["--version"], ["-V"]) and sys.stdout is not None and not is_completion:
        # Loading the command line would take most of the time.
        sys.stdout.write(f"kvsctl {__version__}\n")
        return
    if is_completion:
        from kvsctl.cli.completion.shells import complete

        sys.stdout.write(complete(words, os.environ))
        return
    from kvsctl.cli.app import command_line, commands_by_name, lists_commands
    from kvsctl.cli.arguments import prepared, require_attached_values
    from kvsctl.cli.errors.misuse import call

    require_attached_values(words)
    given = prepared(words)
    call(commands_by_name() if lists_commands(given) else command_line(given), given)


class _Stdout:
    """A context in which stdout never raises. Its errors are handled on leaving.

    Libraries print help and the like, and each ends in its own way if that fails. On leaving, exit
    with 141 if the reader has closed the pipe; raise StreamError if writing failed otherwise.
    """

    def __init__(self) -> None:
        self._before: TextIO | None = sys.stdout
        self._raw = _Raw(self._before) if isinstance(self._before, io.TextIOWrapper) else None

    def __enter__(self) -> None:
        if self._raw is not None and isinstance(self._before, io.TextIOWrapper):
            sys.stdout = io.TextIOWrapper(
                io.BufferedWriter(self._raw),
                self._before.encoding,
                self._before.errors,
                line_buffering=self._before.line_buffering,
            )

    def __exit__(self, *_: object) -> None:
        if self._raw is None:
            return
        if sys.stdout is not None:
            sys.stdout.flush()
        broken = self._raw.broken
        if isinstance(broken, BrokenPipeError):
            sys.exit(ExitStatus.PIPE_CLOSED)
        if broken is not None:
            raise stdout_failed(broken) from broken


class _Raw(io.RawIOBase):
    """A raw stream that writes to another one and keeps errors in `broken` instead of raising."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self._stream = stream
        self.broken: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def write(self, chunk: Any) -> int:
        try:
            if self.broken is None:
                self._stream.buffer.write(chunk)
                self._stream.buffer.flush()
        except OSError as error:
            self.broken = error
        return len(chunk)


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    try:
        from kvsctl.report.escape import visible
    except Exception:  # of any type: no memory is left for it
        return "".join(character if " " <= character <= "~" else "?" for character in text)
    return visible(text)


def _lines_of(error: KvsctlError) -> list[str]:
    lines = [f"kvsctl: {_visible(error.message)}"]
    if error.excerpt is not None:
        text, place = error.excerpt
        lines += [f"  {_visible(text)}", f"  {' ' * len(_visible(text[:place]))}^"]
    if error.hint:
        lines.append(_visible(error.hint))
    return lines


def _print_error(error: KvsctlError) -> None:
    if sys.stderr is None:
        return  # closed before the start
    lines = [line for one in (error, *error.others) for line in _lines_of(one)]
    try:
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()
    except OSError:
        return  # it cannot be shown
