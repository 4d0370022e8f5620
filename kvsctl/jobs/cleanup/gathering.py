"""List what a selection chooses into a spool."""

from collections.abc import Callable

from kvsctl.bulk.events import Event, PageListed, RequestEnded, Settled, Waiting
from kvsctl.bulk.settling.reconcile import UNDECIDED
from kvsctl.comparison.entries import Entry
from kvsctl.errors import RUN_AGAIN, TargetError
from kvsctl.jobs.cleanup.actions import Action
from kvsctl.jobs.cleanup.spool import Spool
from kvsctl.model import State


def size_of(entry: Entry) -> int:
    """Return how many bytes the value of a gathered record takes."""
    return int(entry.body.partition(b" ")[0])


class Gatherer:
    """A listener of a listing that keeps what is chosen in `spool`, and passes on other events.

    `action` makes an entry of each. `listed` is how many records were listed, and `undecided` about
    how many of them the selection could not decide.
    """

    wants = frozenset({Settled, RequestEnded, Waiting, PageListed})

    def __init__(self, spool: Spool, emit: Callable[[Event], None], action: Action) -> None:
        self._spool = spool
        self._action = action
        self._emit = emit
        self.listed = 0
        self.undecided = 0
        self._unread = 0
        self._code = ""

    def __call__(self, event: Event) -> None:
        """Take what was found. Raise StreamError if it cannot be kept."""
        if not isinstance(event, Settled):
            if isinstance(event, PageListed):
                self.listed += event.records
            self._emit(event)
            return
        for outcome in event.outcomes:
            identity, found = outcome.subject.identity, outcome.found
            if identity is not None and found is not None:
                self._spool.add(self._action.entry(identity, found))
            elif outcome.state is State.SKIPPED:
                self.undecided += outcome.skipped_by == UNDECIDED
            else:
                self._unread += 1
                failure = outcome.failure
                self._code = self._code or (failure.code if failure else outcome.state.value)

    def require_all_read(self) -> None:
        """Raise TargetError if a listed record could not be read again to decide about it."""
        if self._unread:
            keys = "1 listed key" if self._unread == 1 else f"{self._unread:,} listed keys"
            raise TargetError(
                f"{keys} could not be read to decide whether to {self._action.name} them, the "
                f"first with {self._code}; none of what was listed was {self._action.done}",
                RUN_AGAIN,
            )
