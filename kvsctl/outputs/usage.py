"""The sums that du prints."""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from kvsctl.bulk.events import Event, Settled
from kvsctl.files.sinks import ByteSink
from kvsctl.model import SUCCEEDED, Record, State
from kvsctl.slabs import FoundSlab, Successes, names_of
from kvsctl.usage.account import Account

_MISSED: Final = frozenset({State.FAILED, State.UNKNOWN, State.UNSENT})


Render: TypeAlias = Callable[[Account, bool], bytes]
"""Returns what is printed of an account. The second argument: whether nothing is missing."""


class UsageOutput:
    """A listener that sums found records, and writes the sums to a sink at the end."""

    wants = frozenset({Settled})
    held_bytes = 0

    def __init__(self, sink: ByteSink, account: Account, render: Render) -> None:
        self._sink = sink
        self._account = account
        self._render = render
        self._has_missed = False

    def __call__(self, event: Event) -> None:
        """Add found records to the sums. Raise StreamError if that is not possible."""
        if not isinstance(event, Settled):
            return
        outcomes = event.outcomes
        if isinstance(outcomes, Successes) and outcomes.found is not None:
            self._note(outcomes.records, FoundSlab.of(outcomes.found))
            return
        for outcome in outcomes:
            record, found = outcome.subject, outcome.found
            if outcome.state is SUCCEEDED and found is not None and isinstance(record, Record):
                self._note([record], FoundSlab.of([found]))
            self._has_missed |= outcome.state in _MISSED

    def _note(self, records: Sequence[Record], found: FoundSlab) -> None:
        keys, entities = names_of(records)
        sizes, expiries = [len(value) for value in found.values], found.expire_times
        if entities is None:
            self._account.note(None, keys, sizes, expiries)
            return
        for place, entity in enumerate(entities):  # a batch may hold several entities
            part = slice(place, place + 1)
            self._account.note(entity, keys[part], sizes[part], expiries and expiries[part])

    def discard(self) -> None:
        """Write nothing."""
        self._account.close()

    def unwritten(self) -> int:
        """Return how many records are in sums that the sink has lost, because it is broken."""
        return self._account.keys

    def close(self, *, is_whole: bool = True) -> None:
        """Write the sums. The caller completes the sink. Raise StreamError if there are none.

        If the run has failed before it found anything, write nothing.
        """
        try:
            if is_whole or self._account.keys:
                self._sink.write(self._render(self._account, is_whole and not self._has_missed))
        finally:
            self._account.close()
