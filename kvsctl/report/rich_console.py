"""A rich console on the process's stderr, and rich text for its stdout."""

from io import StringIO
from typing import IO, cast

from rich.console import Console, RenderableType

from kvsctl.report.console import Environment


class _Stderr:
    """The file that rich writes to: the raw descriptor, so that a closed stderr raises nothing."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.encoding = environment.encoding

    def write(self, text: str) -> int:
        self._environment.write_stderr(text)
        return len(text)

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""

    def isatty(self) -> bool:
        return self._environment.stderr_is_terminal


def stderr_console(environment: Environment) -> Console:
    """Return a console that shows text as it is: no markup, no emoji, no highlighting."""
    return _console(
        _Stderr(environment),
        environment.width,
        has_colour=environment.stderr_has_colour,
        is_terminal=environment.is_drawn_on,
    )


class _Text(StringIO):
    """Text in memory. It has an encoding so that rich draws no lines that stdout cannot encode."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


def stdout_text(environment: Environment, *parts: RenderableType) -> bytes:
    """Return what to write to stdout: parts below each other, as wide as its terminal.

    Text is shown as it is, without markup. No line ends in white space.
    """
    console = stdout_console(environment)
    console.print(*parts, sep="\n")
    return text_on(console, environment)


def stdout_console(environment: Environment) -> Console:
    """Return a console as wide as stdout, which keeps what is printed for `text_on`."""
    is_styled = environment.stdout_is_terminal or environment.stdout_has_colour
    return _console(
        _Text(environment.stdout_encoding),
        environment.stdout_width,
        has_colour=environment.stdout_has_colour,
        is_terminal=is_styled,
    )


def text_on(console: Console, environment: Environment) -> bytes:
    """Return what was printed on a console of `stdout_console`, to be written to stdout."""
    text = cast(_Text, console.file).getvalue()
    lines = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    return lines.encode(environment.stdout_encoding, "backslashreplace")


def _console(file: object, width: int, *, has_colour: bool, is_terminal: bool) -> Console:
    return Console(
        file=cast(IO[str], file),
        width=width,
        color_system="standard" if has_colour else None,
        # Without a terminal rich would drop all styles, even if FORCE_COLOR asks for them.
        force_terminal=is_terminal,
        no_color=not has_colour,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
        _environ={},
    )
