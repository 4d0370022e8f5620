"""Where outcomes are noted: lanes open, followers share, listeners hear, failures count."""

from collections.abc import Callable, Iterable, Sequence

from kvsctl.bulk.events import Event, Listener, Settled
from kvsctl.bulk.lanes import Lanes
from kvsctl.model import Outcome, Record, State


class Ledger:
    """Settles records, each once. `changed` is called whenever lanes may have opened."""

    def __init__(
        self, lanes: Lanes, listeners: Sequence[Listener], changed: Callable[[], None]
    ) -> None:
        self._lanes = lanes
        self._listeners = listeners
        self._changed = changed
        self.failures = 0

    def tell(self, event: Event) -> None:
        """Lets every listener hear of an event, in their order."""
        for listener in self._listeners:
            listener(event)

    def settle_away(self, outcomes: Iterable[Outcome]) -> None:
        """Settles records that were on their way, and those that share their answers."""
        settled: list[Outcome] = []
        for outcome in outcomes:
            settled.append(outcome)
            assert isinstance(outcome.subject, Record)  # noqa: S101
            settled.extend(
                Outcome(follower, outcome.state, outcome.failure, outcome.found, outcome.skipped_by)
                for follower in self._lanes.settle(outcome.subject)
            )
        self.settle_here(settled)

    def settle_here(self, outcomes: Sequence[Outcome]) -> None:
        """Settles what never went on its way: problems, duplicates, what stays unsent."""
        if not outcomes:
            return
        self.failures += sum(outcome.state is State.FAILED for outcome in outcomes)
        self.tell(Settled(outcomes))
        self._changed()
