"""Input read to its end with nothing sent: what is wrong with it, told to listeners."""

from collections.abc import Callable, Iterable, Sequence

from kvsctl.bulk.events import Listener, RecordsRead, Settled
from kvsctl.model import Failure, Outcome, Problem, Record, State


def examine(
    pieces_read: Iterable[list[Record | Problem]],
    listeners: Sequence[Listener],
    admit: Callable[[Record], None] = lambda _: None,
) -> None:
    """Settles each problem as failed and each record as unsent; `admit` is given the records.

    Raises what reading raises; what was read before that is settled.
    """
    for pieces in pieces_read:
        if not pieces:
            continue
        outcomes = [_outcome(piece) for piece in pieces]
        for listener in listeners:
            listener(RecordsRead(len(pieces)))
            listener(Settled(outcomes))
        for piece in pieces:
            if isinstance(piece, Record):
                admit(piece)


def _outcome(piece: Record | Problem) -> Outcome:
    if isinstance(piece, Problem):
        return Outcome(piece, State.FAILED, Failure(piece.code, piece.message))
    return Outcome(piece, State.UNSENT)
