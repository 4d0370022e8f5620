"""The outermost function: every end of a command becomes an exit code and at most two lines."""

import gc
import io
import os
import sys
from typing import Any, Final, TextIO

from kvsctl import __version__
from kvsctl.errors import Defect, ExitStatus, KvsctlError, StreamError

_COMPLETION: Final = "_KVSCTL_COMPLETE"
"""What the completion scripts set when a shell asks what may come next."""

_STDERR: Final = 2
_GARBAGE_THRESHOLD: Final = 100_000
"""What a start makes is there to stay: to look for garbage in it takes a twentieth of the time.

It holds for the whole process: what is garbage in cycles is little, and found all the same.
"""


def main() -> None:
    """Runs the command line and exits with a code of `ExitStatus`. No traceback reaches anyone.

    With `KVSCTL_DEBUG` set, a defect of kvsctl shows where it is.
    """
    _occupy_standard_descriptors()
    try:
        with _Stdout():
            _run(sys.argv[1:])
    except KvsctlError as error:
        _tell(error.message, error.hint)
        sys.exit(error.status)
    except KeyboardInterrupt:
        sys.exit(ExitStatus.INTERRUPTED)
    except Exception as error:
        if os.environ.get("KVSCTL_DEBUG"):
            raise
        defect = Defect(f"kvsctl has a defect: {type(error).__name__}")
        _tell(defect.message, defect.hint)
        sys.exit(defect.status)


def _occupy_standard_descriptors() -> None:
    """Opens the null device for each standard stream that the process was started without.

    Otherwise a file or connection would get its number: a child's messages would go into the file,
    and libuv, which closes no standard stream, aborts the process. `sys.stdout` and the others
    stay None, so that a closed stream is known as one.
    """
    while (fd := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(fd, True)
    os.close(fd)


def _run(words: list[str]) -> None:
    gc.set_threshold(_GARBAGE_THRESHOLD)
    is_completion = _COMPLETION in os.environ
    if words == ["--version"] and sys.stdout is not None and not is_completion:
        # The rest of the command line would take most of the time.
        sys.stdout.write(f"kvsctl {__version__}\n")
        return
    if is_completion:
        # Typer passes descriptions through rich if there is one, which takes longer than the rest.
        sys.modules["rich"] = None  # type: ignore[assignment]
    from kvsctl.cli.app import command_line
    from kvsctl.cli.arguments import prepared

    given = prepared(words)
    command_line(() if is_completion else given)(args=given, prog_name="kvsctl")


class _Stdout:
    """Puts a stdout that never raises in place of the process's, and looks at it on leaving.

    Help and the like are printed by libraries, each of which ends in its own way where that fails.
    On leaving, exits with 141 if the reader went away; raises StreamError if writing failed.
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
            raise StreamError(f"cannot write to stdout: {broken.strerror}") from broken


class _Raw(io.RawIOBase):
    """Another stream's bytes, with what goes wrong kept in `broken` in place of raising it."""

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


def _tell(message: str, hint: str | None) -> None:
    from kvsctl.report.escape import visible

    if sys.stderr is None:
        return  # it was closed before the start
    lines = [f"kvsctl: {visible(message)}"] + ([visible(hint)] if hint else [])
    try:
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()
    except OSError:
        return  # nobody is left to tell


if __name__ == "__main__":
    main()
