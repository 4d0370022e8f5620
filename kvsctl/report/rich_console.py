"""A rich console on the process's stderr, as the environment says it is."""

from typing import IO, cast

from rich.console import Console

from kvsctl.report.console import Environment


class _Stderr:
    """What rich writes to: the raw descriptor, so that a stderr that is gone raises nothing."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.encoding = environment.encoding

    def write(self, text: str) -> int:
        self._environment.write_stderr(text)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        return self._environment.stderr_is_terminal


def stderr_console(environment: Environment) -> Console:
    """A console that adds nothing of its own: no markup, no emoji, no highlighting."""
    return Console(
        file=cast(IO[str], _Stderr(environment)),
        width=environment.width,
        color_system="standard" if environment.stderr_has_colour else None,
        # Rich drops styles, bold included, where it sees no terminal; asked-for colour is kept.
        force_terminal=environment.is_drawn_on,
        no_color=not environment.stderr_has_colour,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
        _environ={},
    )
