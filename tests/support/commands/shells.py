"""An interactive shell in a terminal, into which a test types."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.commands.pseudo_terminal import read_within
from tests.support.needs import system_module

_WAIT_SECONDS = 60
_TO_BEGIN, _TO_END = "\x01", "\x05"
_ESCAPES = re.compile(r"\x1b(\[[0-9;?>=]*[a-zA-Z]|\][^\x07\x1b]*(\x07|\x1b\\)|[=>(][B0]?)|[\r\x07]")


class Shell:
    """A shell that waits for input at a prompt, with the keys of emacs."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._count = 0

    def line_after(self, typed: str) -> str:
        """Type `typed`, such as words and a TAB. Return the line that the user sees then.

        The shell itself prints it: the line becomes an argument of echo, and is run. So it must
        hold no single quote.
        """
        self._count += 1
        first, last = f"<{self._count}:", f":{self._count}>"
        self._type(f"{typed}{_TO_BEGIN}echo '<'{self._count}:'{_TO_END}':{self._count}'>'\r")
        return self._shown_until(last).rpartition(first)[2].removesuffix(last)

    def shown_after(self, typed: str, last: str) -> str:
        """Type `typed`. Return what the terminal shows up to `last`, and empty the line."""
        self._type(typed)
        shown = self._shown_until(last)
        self._type("\x1b\x03")  # fish: close the pager, then empty the line
        self.line_after("\r")
        return shown

    def _type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def _shown_until(self, last: str) -> str:
        shown = b""
        while True:
            text = _ESCAPES.sub("", shown.decode("utf-8", "replace"))
            if last in text:
                return text.partition(last)[0] + last
            chunk = read_within(self._terminal, _WAIT_SECONDS)
            assert chunk, f"the shell has ended: {text}"
            shown += chunk


@contextmanager
def interactive(words: Sequence[str], environ: Mapping[str, str], folder: Path) -> Iterator[Shell]:
    """Run a shell in a terminal of 80 columns, and end it."""
    near, far = system_module("pty").openpty()  # Windows has none
    process = subprocess.Popen(
        words,
        env={"TERM": "xterm", **environ},
        cwd=folder,
        stdin=far,
        stdout=far,
        stderr=far,
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    os.close(far)
    try:
        yield Shell(near)
    finally:
        process.kill()
        process.wait(_WAIT_SECONDS)
        with suppress(OSError):
            os.close(near)


def _take_terminal() -> None:
    """Make the terminal that is stdin the controlling one of this session."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    termios.tcsetwinsize(0, (24, 80))
