"""Interrupts of a job, for tests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kvsctl.errors import ExitStatus
from kvsctl.jobs.signals import Stoppable


class InterruptedAtOnce:
    """A signal that arrives as soon as there is something to stop."""

    interrupted: ExitStatus | None = None

    @contextmanager
    def stopping(
        self, run: Stoppable, note: Callable[[str], None], noun: str = "request"
    ) -> Iterator[None]:
        """Stop the run at once."""
        del note, noun
        self.interrupted = ExitStatus.TERMINATED
        run.stop()
        yield
