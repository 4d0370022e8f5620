"""A rich console on the process's stderr."""

from typing import IO, cast

from rich.console import Console

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
    return Console(
        file=cast(IO[str], _Stderr(environment)),
        width=environment.width,
        color_system="standard" if environment.stderr_has_colour else None,
        # Without a terminal rich would drop all styles, also if FORCE_COLOR asks for them.
        force_terminal=environment.is_drawn_on,
        no_color=not environment.stderr_has_colour,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
        _environ={},
    )
