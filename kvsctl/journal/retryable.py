"""The failures of a job that may be retried, by key, until a later record replaces them."""

from collections.abc import Iterable, Sequence

from kvsctl.bulk.outcomes.unreplaced import Standing
from kvsctl.journal.state import JournalState
from kvsctl.model import Lane, Outcome, Problem, Record, State


class Retryable:
    """The failures that may be retried. A later record of the same key replaces them.

    Methods raise OSError if the temporary file of `Standing` cannot be written.
    """

    def __init__(self, state: JournalState) -> None:
        self._positions = state.retryable
        self._standing = Standing()

    def replay(self, pieces: Sequence[Record | Problem]) -> None:
        """Register the failures that an earlier run recorded."""
        for piece in pieces:
            if piece.identity is not None and piece.position in self._positions:
                self._standing.add(piece.identity.lane, piece.position)

    def may_hold(self, lanes: Sequence[Lane]) -> bool:
        """Return False if none of these lanes has a failure that could be replaced."""
        return self._standing.may_hold(lanes)

    def take(self, outcomes: Iterable[Outcome]) -> list[int]:
        """Take in outcomes as they settle; return the positions of the failures they replace."""
        replaced: list[int] = []
        for outcome in outcomes:
            identity = outcome.subject.identity
            if self._standing and isinstance(outcome.subject, Record):
                replaced += self._earlier(outcome.subject)
            if outcome.state is State.FAILED and identity is not None:
                self._standing.add(identity.lane, outcome.position)
        return replaced

    def _earlier(self, record: Record) -> list[int]:
        """Remove and return the failures of the record's key that precede it in the input.

        A failure of that key may also follow it: a problem that was read later.
        """
        standing = self._standing.take(record.identity.lane)
        for place in standing:
            if place > record.position:
                self._standing.add(record.identity.lane, place)
        return [place for place in standing if place < record.position]
