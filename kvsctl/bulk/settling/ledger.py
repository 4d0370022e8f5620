"""Settle records: open their lanes, notify listeners, count failures."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from msgspec import structs

from kvsctl.bulk.alike import FailedChecks
from kvsctl.bulk.events import Emitter, Listener, Settled
from kvsctl.bulk.lanes import Lanes
from kvsctl.errors import KvsctlError
from kvsctl.model import FAILED, Lane, Outcome, Record
from kvsctl.slabs import Successes


class Ledger:
    """Settles each record once.

    `listeners` may grow until the first event. `inner` are listeners of the run itself. `changed`
    is called whenever lanes may have opened. `stop` is called with the error of a listener that
    failed.
    """

    def __init__(
        self,
        lanes: Lanes,
        listeners: Sequence[Listener],
        *,
        inner: Sequence[Listener] = (),
        changed: Callable[[], None],
        stop: Callable[[KvsctlError], None],
    ) -> None:
        self._lanes = lanes
        self._emitter = Emitter(listeners, inner=inner, stop=stop)
        self.emit: Final = self._emitter.emit
        self._changed = changed
        self.failures = 0

    @property
    def is_torn(self) -> bool:
        """Whether a listener has crashed: see `events.Emitter`."""
        return self._emitter.is_torn

    def settle_away(self, outcomes: Iterable[Outcome]) -> None:
        """Settle records that were away, and the followers that share their answers."""
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
        """Settle records that are in no lane: problems, duplicates, unsent records."""
        if not isinstance(outcomes, Successes):
            if not outcomes:
                return
            self.failures += (
                len(outcomes)
                if isinstance(outcomes, FailedChecks)
                else sum([outcome.state is FAILED for outcome in outcomes])
            )
        self.emit(Settled(outcomes))
        self._changed()


def _shared(outcome: Outcome, followers: Mapping[Lane, list[Record]]) -> list[Outcome]:
    """Return the outcome, and the same for each record that shares it."""
    record = outcome.subject
    assert isinstance(record, Record)  # noqa: S101
    sharing = followers.get(record.identity.lane, [])
    for follower in sharing:
        follower.attempts = record.attempts
        # An earlier run of the job may have sent the follower and got no answer.
        follower.ambiguous = follower.ambiguous or record.ambiguous
    return [outcome] + [structs.replace(outcome, subject=one) for one in sharing]
