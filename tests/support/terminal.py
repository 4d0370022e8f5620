"""An environment whose stderr is a buffer to read back."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kvsctl.report.console import Environment

Read = Callable[[], str]


@contextmanager
def stderr(
    width: int = 80,
    *,
    is_terminal: bool = False,
    has_colour: bool = False,
    encoding: str = "utf-8",
) -> Iterator[tuple[Environment, Read]]:
    """An environment, and a call that gives what was written to its stderr so far."""
    with tempfile.TemporaryFile() as file:
        fd = file.fileno()

        def read() -> str:
            return os.pread(fd, 1 << 20, 0).decode(encoding)

        yield (
            Environment(
                stdout_fd=None,
                stderr_fd=fd,
                stdout_is_terminal=False,
                stderr_is_terminal=is_terminal,
                stderr_has_colour=has_colour,
                can_redraw=is_terminal,
                width=width,
                encoding=encoding,
            ),
            read,
        )
