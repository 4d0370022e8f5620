"""A copy of a store as the input of a job."""

import asyncio
from collections.abc import AsyncGenerator, Iterator

import msgspec

from kvsctl.bulk.events import RecordsRead, Settled
from kvsctl.bulk.feeds import AsyncFeed, Feed
from kvsctl.jobs.inputs import Emit, Session, to_nobody
from kvsctl.jobs.store.arrivals import Piece
from kvsctl.jobs.store.copy import Page, SourceCopy
from kvsctl.jobs.store.listed_input import ListedInput
from kvsctl.jobs.store.making import Making
from kvsctl.listing.ranges import Range
from kvsctl.listing.remainder import Move, Remainder
from kvsctl.model import Outcome, PieceList
from kvsctl.report.document import InputRead


class CopyInput(ListedInput, frozen=True):
    """The records of a copy of a store, as the records to set that `making` makes of them.

    `SourceInput` is the same for the store itself, and has the same fingerprint: a journal of
    either resumes with the other.
    """

    copy: SourceCopy
    making: Making = msgspec.field(default_factory=Making)

    def feed(self, session: Session | None = None, emit: Emit = to_nobody) -> Feed:
        """See JobInput."""
        remainder = None if session is None else session.remainder
        return AsyncFeed(self._records(remainder, emit if session is None else session.emit))

    def inputs_read(self) -> list[InputRead]:
        """See JobInput."""
        return [{"source": self.copy.name, "format": "listing", "compression": None}]

    async def _records(
        self, remainder: Remainder | None, emit: Emit
    ) -> AsyncGenerator[PieceList, None]:
        """Yield the records of each page of the copy, and emit skipped ones."""
        for page in self._pages(remainder):
            pieces: list[Piece] = []
            for outcome in page:
                piece = self.making.piece(outcome, may_lack_numbers=self.copy.may_lack_numbers)
                if isinstance(piece, Outcome):
                    emit(RecordsRead(1))
                    emit(Settled([piece]))
                else:
                    pieces.append(piece)
            if pieces:
                yield pieces
            else:
                await asyncio.sleep(0)  # nothing else waits here: let other tasks run

    def _pages(self, remainder: Remainder | None) -> Iterator[Page]:
        """Yield what is left of an earlier run, and note in the remainder how far that is."""
        if remainder is None:
            yield from self.copy.outcomes()
            return
        spaces = self.copy.listed.plan.spaces
        left = remainder.begin({number: [Range.of_prefix("")] for number in range(len(spaces))})
        position = remainder.position
        for number, space in enumerate(spaces):
            entity = "" if space is None else space.entity
            for range_ in left[number]:
                rest = range_
                for page in self.copy.outcomes_in(entity, range_, position):
                    keys = [one.subject.identity.key for one in page if one.subject.identity]
                    before, rest = rest, rest._replace(after=keys[-1])
                    remainder.note(position, keys, [Move(number, before, [rest])])
                    position += len(page)
                    yield page
                remainder.note(position, (), [Move(number, rest, [])])
