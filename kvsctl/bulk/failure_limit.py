"""Count failures in input order, for a run that ends after a number of them."""

from collections import deque
from collections.abc import Sequence

from kvsctl.bulk.events import Event, Settled
from kvsctl.model import Problem, Record
from kvsctl.slabs import Successes, positions_of


class FailureLimit:
    """Holds problems back until all earlier records are settled, if failures are limited.

    The input is read ahead of what is sent. Without this, problems far ahead would count as
    failures, and end the run, before earlier records had been sent.

    It is a listener, and must receive the events of the run. `limit` None: nothing is held back.
    """

    wants = frozenset({Settled})

    def __init__(self, limit: int | None) -> None:
        self._limit = None if limit is None else max(1, limit)
        self.is_limited = limit is not None
        """Whether the number of failures is limited at all."""
        self._open: deque[int] = deque()  # positions admitted and not settled, in input order
        self._settled: set[int] = set()  # positions that settled before an earlier one
        self._held: deque[Problem] = deque()

    def is_reached(self, failures: int) -> bool:
        """Return whether a run with this many failures must end."""
        return self._limit is not None and failures >= self._limit

    def is_full(self, failures: int) -> bool:
        """Return whether the problems held back could reach the limit. If so, read no further."""
        return bool(self._held) and self.is_reached(failures + len(self._held))

    def __call__(self, event: Event) -> None:
        """Note which positions have settled."""
        if not isinstance(event, Settled):
            return
        outcomes = event.outcomes
        self._settled.update(
            positions_of(outcomes.records)
            if isinstance(outcomes, Successes)
            else [outcome.subject.position for outcome in outcomes]
        )
        while self._open and self._open[0] in self._settled:
            self._settled.discard(self._open.popleft())

    def admit(self, records: Sequence[Record]) -> None:
        """Note records that are admitted, in input order."""
        self._open.extend(positions_of(records))

    def hold(self, problem: Problem) -> None:
        """Hold a problem back. Its position is after all that were admitted."""
        self._held.append(problem)

    def release(self, failures: int) -> list[Problem]:
        """Return the problems without an open record before them, up to the limit of failures."""
        released: list[Problem] = []
        while self._held and not self.is_reached(failures + len(released)):
            if self._open and self._open[0] < self._held[0].position:
                break
            released.append(self._held.popleft())
        return released

    @property
    def held(self) -> Sequence[Problem]:
        """The problems that are held back."""
        return list(self._held)
