"""A line for each problem, as linters print them."""

from collections.abc import Callable

from kvsctl.bulk.events import Event, Settled
from kvsctl.report.escape import visible

_SHOWN_MESSAGE = 500


class ProblemLines:
    """A listener that tells of each failure in input order as `PLACE: CODE: message`."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def __call__(self, event: Event) -> None:
        """Writes the lines of what settled together at once."""
        if isinstance(event, Settled):
            lines = [
                f"{visible(str(outcome.subject.origin))}: {visible(outcome.failure.code)}: "
                f"{visible(outcome.failure.message, _SHOWN_MESSAGE)}\n"
                for outcome in event.outcomes
                if outcome.failure is not None
            ]
            if lines:
                self._write("".join(lines))
