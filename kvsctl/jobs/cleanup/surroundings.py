"""What a clean-up needs of the job around it."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from kvsctl.bulk.events import Listener
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.plan import Pressure
from kvsctl.listing.remainder import Cutoff
from kvsctl.outputs.undo_file import UndoFile
from kvsctl.report.store.rules import RuleReport


class EarlierRuns(Protocol):
    """What the journal of a job knows of earlier runs: see `jobs.journal.JobJournal`."""

    @property
    def cutoff(self) -> Cutoff | None:
        """What the journal keeps of the ages of a clean-up; None without a journal."""
        ...

    def free_positions(self) -> Iterator[int]:
        """Return the positions that no earlier run has settled, in order."""
        ...


class Surroundings(Protocol):
    """What a clean-up needs of the listeners of its job: see `jobs.listeners.JobListeners`."""

    @property
    def listeners(self) -> list[Listener]:
        """The listeners of the job, in order."""
        ...

    @property
    def journal(self) -> EarlierRuns:
        """What earlier runs of the job have left."""
        ...

    @property
    def tally(self) -> Tally:
        """The totals of the job, with those of earlier runs of it."""
        ...

    @property
    def rules(self) -> Sequence[RuleReport]:
        """The report of each rule. That of an only rule has the totals of the job."""
        ...

    @property
    def undo(self) -> UndoFile | None:
        """Where records are kept before they are deleted; None: nowhere."""
        ...

    def open_undo(self) -> None:
        """Open the undo file, if there is one. Raise KvsctlError."""
        ...

    def pressure(self) -> Pressure:
        """Return how much more output can be taken."""
        ...

    def asking(self) -> AbstractContextManager[None]:
        """Ask the user inside the block. The wait for the answer is not time of the run."""
        ...

    def notice(self, text: str) -> None:
        """Write a line for people at once."""
        ...

    def showing_progress(
        self, records: int | None = None, *, lists_only: bool = False
    ) -> AbstractContextManager[None]:
        """Show how far the run is inside the block.

        `records`: how many are worked on in it. `lists_only`: it lists them, and settles none.
        """
        ...
