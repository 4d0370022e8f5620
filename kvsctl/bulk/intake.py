"""What has arrived, on its way into the lanes as far as the window has room."""

from collections.abc import Sequence
from typing import TypeGuard

from kvsctl.bulk.lanes import Lanes
from kvsctl.bulk.plan import RunPlan
from kvsctl.model import Failure, Outcome, Problem, Record, State


class Admission:
    """Lets pieces of the input in, in their order, and no more of them than memory is bounded to.

    `window`: how many records may be admitted and unsettled.
    """

    def __init__(self, lanes: Lanes, plan: RunPlan) -> None:
        self._lanes = lanes
        self._most_bytes = plan.window_bytes
        self._pieces: Sequence[Record | Problem] = ()
        self._next = 0
        self.window = plan.window_at(plan.concurrency)

    def arrive(self, pieces: Sequence[Record | Problem]) -> None:
        """These come next. None that arrived before may be left."""
        self._pieces, self._next = pieces, 0

    @property
    def is_empty(self) -> bool:
        """Whether all that has arrived is admitted."""
        return self._next >= len(self._pieces)

    @property
    def left(self) -> Sequence[Record | Problem]:
        """What has arrived and is not admitted."""
        return self._pieces[self._next :]

    @property
    def is_full(self) -> bool:
        """Whether something has to settle before more is admitted."""
        lanes = self._lanes
        return lanes.admitted >= self.window or lanes.admitted_bytes >= self._most_bytes

    def admit(self) -> list[Outcome]:
        """Admits what there is room for; returns what ends thereby, each problem among it."""
        room = self.window - self._lanes.admitted
        pieces = self._pieces[self._next : self._next + room]
        if _are_records(pieces) and self._admit_at_once(pieces):
            self._next += len(pieces)
            return []
        return self._admit_each(pieces)

    def _admit_at_once(self, records: Sequence[Record]) -> bool:
        """All of them in less time, or none: only if that is all that there is to be done."""
        coming_bytes = sum(map(len, [record.body for record in records]))
        fits = self._lanes.admitted_bytes + coming_bytes < self._most_bytes
        return fits and self._lanes.admit_all(records, coming_bytes)

    def _admit_each(self, pieces: Sequence[Record | Problem]) -> list[Outcome]:
        ended: list[Outcome] = []
        for piece in pieces:
            self._next += 1
            if isinstance(piece, Problem):
                ended.append(failed_check(piece))
                continue
            replaced = self._lanes.admit(piece)
            if replaced is not None:
                ended.append(Outcome(replaced, State.DUPLICATE))
            if self._lanes.admitted_bytes >= self._most_bytes:
                break
        return ended


def failed_check(problem: Problem) -> Outcome:
    """How a problem ends."""
    return Outcome(problem, State.FAILED, Failure(problem.code, problem.message))


def _are_records(pieces: Sequence[Record | Problem]) -> TypeGuard[Sequence[Record]]:
    return set(map(type, pieces)) == {Record}
