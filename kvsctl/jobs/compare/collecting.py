"""Keep what a listing finds, as one side of a comparison."""

from collections.abc import Iterator

from kvsctl.bulk.events import Event, Listener, RecordsRead, RequestEnded, Settled
from kvsctl.bulk.settling.reconcile import UNDECIDED
from kvsctl.comparison.entries import Block, Entry, blocks_of
from kvsctl.comparison.memory import SortingMemory
from kvsctl.comparison.sorting import Sorter
from kvsctl.jobs.compare.reading import entry_of
from kvsctl.model import Outcome, Record, State


class Collector:
    """A listener that keeps what a listing finds, to be yielded in order: on disk if it is much.

    `note` receives the events of requests, of records that could not be read, and of those about
    which the selection could not decide. `memory` bounds what is in memory; None: it has its own.
    """

    wants = frozenset({Settled, RequestEnded})

    def __init__(self, note: Listener, memory: SortingMemory | None = None) -> None:
        self._note = note
        self._sorter = Sorter(Entry, memory=memory)

    def __call__(self, event: Event) -> None:
        """Take what was found. Raise StreamError if it cannot be kept."""
        if isinstance(event, Settled):
            for outcome in event.outcomes:
                self._take(outcome)
        else:
            self._note(event)

    def blocks(self) -> Iterator[Block]:
        """Yield everything in the order of entities and keys, once."""
        return blocks_of(self._sorter.sorted())

    def close(self) -> None:
        """Remove the temporary files."""
        self._sorter.close()

    def _take(self, outcome: Outcome) -> None:
        record = outcome.subject
        if outcome.found is not None and isinstance(record, Record):
            self._sorter.add(entry_of(record.identity, outcome.found))
        elif outcome.state is State.FAILED or outcome.skipped_by == UNDECIDED:
            self._note(RecordsRead(1))
            self._note(Settled([outcome]))
