"""The records of a listing as one side of a comparison: kept here, or in an existing copy."""

from collections.abc import Iterator

from kvsctl.bulk.events import Event, Listener, RecordsRead, RequestEnded, Settled
from kvsctl.bulk.settling.reconcile import UNDECIDED
from kvsctl.comparison.entries import Block, Entry, blocks_of
from kvsctl.comparison.memory import SortingMemory
from kvsctl.comparison.sorting import Sorter
from kvsctl.jobs.compare.reading import entry_of
from kvsctl.jobs.store.copy import SourceCopy
from kvsctl.model import Outcome, Record, State
from kvsctl.service.found import is_past


class Collector:
    """A listener that keeps what a listing finds, to yield it in order: on disk if there is much.

    `note` receives the events of requests, of records that could not be read, and of those that the
    selection could not decide about. `memory` bounds the memory; None: a bound of its own.
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
        entry = _compared(outcome, self._note)
        if entry is not None:
            self._sorter.add(entry)


def entries_of(copy: SourceCopy, note: Listener, now: float) -> Iterator[Block]:
    """Yield the entries of a copy, as a `Collector` of the listing would. `note`: see there.

    Records that have expired since they were read are left out. `now`: epoch seconds.
    """
    for page in copy.outcomes():
        yield [
            entry
            for outcome in page
            if not (outcome.found and is_past(outcome.found.expire_time, now))
            and (entry := _compared(outcome, note)) is not None
        ]


def _compared(outcome: Outcome, note: Listener) -> Entry | None:
    """Return the entry of a found record; None if there is none. Note what is not known."""
    record = outcome.subject
    if outcome.found is not None and isinstance(record, Record):
        return entry_of(record.identity, outcome.found)
    if outcome.state is State.FAILED or outcome.skipped_by == UNDECIDED:
        note(RecordsRead(1))
        note(Settled([outcome]))
    return None
