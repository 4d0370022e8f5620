"""Where outcomes are noted: lanes open, followers share, listeners hear, failures count."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import structs

from kvsctl.bulk.events import Event, Listener, Settled
from kvsctl.bulk.lanes import Lanes
from kvsctl.errors import KvsctlError
from kvsctl.model import FAILED, Identity, Outcome, Record, Successes


class Ledger:
    """Settles records, each once.

    `changed` is called whenever lanes may have opened, `stop` with the error of a listener that
    cannot go on.
    """

    def __init__(
        self,
        lanes: Lanes,
        listeners: Sequence[Listener],
        *,
        changed: Callable[[], None],
        stop: Callable[[KvsctlError], None],
    ) -> None:
        self._lanes = lanes
        self._listeners = listeners
        self._changed = changed
        self._stop = stop
        self.failures = 0

    def emit(self, event: Event) -> None:
        """Lets every listener hear of an event, in their order, also where one breaks."""
        for listener in self._listeners:
            try:
                listener(event)
            except KvsctlError as error:
                self._stop(error)

    def settle_away(self, outcomes: Iterable[Outcome]) -> None:
        """Settles records that were on their way, and those that share their answers."""
        settled: Sequence[Outcome]
        if isinstance(outcomes, Successes):
            settled, records = outcomes, outcomes.records
        else:
            settled = list(outcomes)
            records = [one.subject for one in settled if isinstance(one.subject, Record)]
        followers = self._lanes.settle_all(records)
        if followers:
            settled = [one for outcome in settled for one in _shared(outcome, followers)]
        self.settle_here(settled)

    def settle_here(self, outcomes: Sequence[Outcome]) -> None:
        """Settles what never went on its way: problems, duplicates, what stays unsent."""
        if not outcomes:
            return
        if not isinstance(outcomes, Successes):
            self.failures += sum([outcome.state is FAILED for outcome in outcomes])
        self.emit(Settled(outcomes))
        self._changed()


def _shared(outcome: Outcome, followers: Mapping[Identity, list[Record]]) -> list[Outcome]:
    """The outcome, and that of each record that shares it."""
    record = outcome.subject
    assert isinstance(record, Record)  # noqa: S101
    sharing = followers.get(record.identity, [])
    for follower in sharing:
        follower.attempts = record.attempts
        # An earlier run of the job may have left open what the follower alone asked for.
        follower.ambiguous = follower.ambiguous or record.ambiguous
    return [outcome] + [structs.replace(outcome, subject=one) for one in sharing]
