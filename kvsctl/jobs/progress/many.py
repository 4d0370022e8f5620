"""Show the progress of a job with many parts at work, such as installations."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.errors import ExitStatus
from kvsctl.jobs.job import Reporting
from kvsctl.jobs.progress.showing import display_of
from kvsctl.report.console import Environment
from kvsctl.report.progress.board import Board
from kvsctl.report.progress.standing import Display, Followed
from kvsctl.report.progress.terminal import TerminalDisplay

_STOPPED: Final = frozenset(
    {
        ExitStatus.WORK_LEFT,
        ExitStatus.INTERRUPTED,
        ExitStatus.PIPE_CLOSED,
        ExitStatus.TERMINATED,
    }
)


def was_stopped(exit_code: int | None) -> bool:
    """Return whether a part with this exit code was stopped before its end: it is not done."""
    return exit_code in _STOPPED


class ManyProgress:
    """Shows how far the parts of a job are, each called a `noun`.

    It is the display of each part. `tally` counts the parts that have ended, and `ended` returns
    how many have done so without being stopped. `prints_records`: see `display_of`.
    """

    def __init__(
        self,
        environment: Environment,
        reporting: Reporting,
        noun: str,
        tally: Tally,
        ended: Callable[[], int],
        *,
        prints_records: bool,
    ) -> None:
        self._environment = environment
        self._noun = noun
        self._tally = tally
        self._ended = ended
        self._display = display_of(environment, reporting, prints_records=prints_records)
        self._board: Board | None = None

    @property
    def display(self) -> Display | None:
        """The display of the parts; None: nothing is shown."""
        return None if self._display is None else self

    @property
    def environment(self) -> Environment:
        """The environment of the job, whose lines are written above what is drawn."""
        display = self._display
        return display.above if isinstance(display, TerminalDisplay) else self._environment

    @contextmanager
    def working(self, label: str, total: int, finished: int = 0) -> Iterator[None]:
        """Show inside the block how far `total` parts are. The label says what they do.

        `finished`: how many other parts earlier runs have finished.
        """
        if self._display is None:
            yield
            return
        self._board = board = Board(
            label, self._noun, total, self._tally, self._ended, finished=finished
        )
        try:
            with self._display.showing(board):
                yield
        finally:
            self._board = None

    @contextmanager
    def showing(self, followed: Followed) -> Iterator[None]:
        """Show how far a part is. See Display."""
        if self._board is None:
            yield
            return
        with self._board.showing(followed):
            yield

    def write_above(self, text: str) -> None:
        """Write a line of the command's own, above what is drawn. See Display."""
        if self._display is None:
            self._environment.note(text)
        else:
            self._display.write_above(text)
