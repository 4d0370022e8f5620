"""A line for each failed record, in the form that linters use."""

from collections.abc import Callable

from kvsctl.bulk.alike import Unsent
from kvsctl.bulk.events import Event, Settled
from kvsctl.report.escape import visible

_SHOWN_MESSAGE = 500


class ProblemLines:
    """A listener that writes each failure as `PLACE: CODE: message`, in input order."""

    wants = frozenset({Settled})

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def __call__(self, event: Event) -> None:
        """Write the failures of one event in one call."""
        if isinstance(event, Settled) and not isinstance(event.outcomes, Unsent):
            lines = [
                f"{visible(str(outcome.subject.origin))}: {visible(outcome.failure.code)}: "
                f"{visible(outcome.failure.message, _SHOWN_MESSAGE)}\n"
                for outcome in event.outcomes
                if outcome.failure is not None
            ]
            if lines:
                self._write("".join(lines))
