"""Keep what a listing finds until a run takes it."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from kvsctl.bulk.events import Event, PageListed, RecordsRead, RequestEnded, Settled, Waiting
from kvsctl.bulk.outcomes.in_order import Reorder
from kvsctl.bulk.plan import Pressure
from kvsctl.model import Outcome, PieceList, Problem, Record

_MOST_AHEAD: Final = 4
"""How many pages may wait until the run takes them."""
_MOST_HELD_BYTES: Final = 16_000_000

Piece: TypeAlias = Record | Problem


class Arrivals:
    """A listener that keeps what a listing finds until it is taken, and passes on other events.

    `piece` turns the outcome of a read into a record or a problem, or into an outcome if there is
    nothing to send: that is passed on as settled, so that each position settles once. Records that
    were not read, because the listing was stopped, are left out. Pieces are returned in the order
    of their positions, from `position` on, as a journal counts them.
    """

    wants = frozenset({Settled, RequestEnded, Waiting, PageListed})

    def __init__(
        self,
        piece: Callable[[Outcome], Piece | Outcome],
        emit: Callable[[Event], object],
        position: int = 0,
    ) -> None:
        self._piece = piece
        self._emit = emit
        self._reorder: Reorder[Piece] = Reorder(_size, [(0, position)] if position else ())
        self._ready: deque[PieceList] = deque()
        self._changed = asyncio.Event()
        self._has_ended = False

    def __call__(self, event: Event) -> None:
        """Take what was found, and pass on everything else."""
        if isinstance(event, Settled):
            self._take(event)
        else:
            self._emit(event)

    def pressure(self) -> Pressure:
        """Return the pressure: whether more may be read."""
        if len(self._ready) >= _MOST_AHEAD:
            return Pressure.STOP
        is_held = self._reorder.held_bytes > _MOST_HELD_BYTES
        return Pressure.OLDEST_ONLY if is_held else Pressure.NONE

    def end(self) -> None:
        """Note that nothing more arrives."""
        self._has_ended = True
        self._changed.set()

    async def next(self) -> PieceList | None:
        """Return the next pieces; None at the end."""
        while not self._ready:
            if self._has_ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._ready.popleft()

    def _take(self, settled: Settled) -> None:
        pieces: list[Piece] = []
        for outcome in settled.outcomes:
            if not outcome.is_final:
                continue
            piece = self._piece(outcome)
            if isinstance(piece, Outcome):
                self._emit(RecordsRead(1))
                self._emit(Settled([piece]))
                pieces += self._reorder.add(outcome.position, None)
            else:
                pieces += self._reorder.add(outcome.position, piece)
        if pieces:
            self._ready.append(pieces)
            self._changed.set()


def _size(piece: Piece) -> int:
    return len(piece.body if isinstance(piece, Record) else piece.raw)
