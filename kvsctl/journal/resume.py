"""The input of a resumed run, without the records that are settled in the journal."""

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from kvsctl.bulk.feeds import Feed
from kvsctl.journal.state import JournalState
from kvsctl.model import PieceList, Record
from kvsctl.slabs import Slab

Replay: TypeAlias = Callable[[PieceList], None]


class ResumedFeed:
    """A feed without the positions that are settled in `state`; `replay` is called with those.

    `replay` is called in input order, for each position before a later one is returned. A record
    that an earlier run left unknown, or that failed there without an answer, is returned as
    ambiguous.
    """

    def __init__(self, feed: Feed, state: JournalState, replay: Replay) -> None:
        self._feed = feed
        self._settled = state.settled
        self._ambiguous = state.ambiguous
        self._replay = replay
        self.passed = 0
        """How many of the records that were read are settled in the state."""
        self._end = max((stop for _, stop in (*state.settled, *state.ambiguous)), default=0)

    async def get(self) -> PieceList | None:
        """See Feed."""
        while pieces := await self._feed.get():
            first = pieces.position if isinstance(pieces, Slab) else pieces[0].position
            if first >= self._end:
                return pieces
            rest = self._without_settled(pieces)
            if rest:
                return rest
            # The reading thread may be faster than this loop: let signals and timers run.
            await asyncio.sleep(0)
        return pieces

    def close(self) -> None:
        """See Feed."""
        self._feed.close()

    def _without_settled(self, pieces: PieceList) -> PieceList:
        pieces = list(pieces)
        settled = [piece for piece in pieces if piece.position in self._settled]
        if settled:
            self._replay(settled)
            self.passed += len(settled)
        rest = [piece for piece in pieces if piece.position not in self._settled]
        for piece in rest:
            if isinstance(piece, Record) and piece.position in self._ambiguous:
                piece.ambiguous = True
        return rest
