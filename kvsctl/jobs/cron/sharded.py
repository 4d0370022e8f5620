"""One shard of an input as the input of a job."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec

from kvsctl.bulk.feeds import Feed, RequiredFeed
from kvsctl.jobs.inputs import Emit, JobInput, Session, to_nobody
from kvsctl.journal.fingerprint import Fingerprint
from kvsctl.model import PieceList
from kvsctl.report.document import InputRead
from kvsctl.shards import Shard


class ShardedFeed:
    """The pieces of `feed` that are in `shard`, with positions that count only them.

    So each part has positions without gaps, as outputs in order and journals need.
    """

    def __init__(self, feed: Feed, shard: Shard) -> None:
        self._feed = feed
        self._shard = shard
        self._position = 0

    async def get(self) -> PieceList | None:
        """See Feed. Skip lists without a piece of this part: an empty list would mean a pause."""
        while pieces := await self._feed.get():
            part = self._shard.part_of(pieces, self._position)
            if part:
                self._position += len(part)
                return part
            await asyncio.sleep(0)  # let signals and timers run
        return pieces

    def close(self) -> None:
        """See Feed."""
        self._feed.close()


class ShardedInput(msgspec.Struct, frozen=True):
    """The part `shard` of an input. Its facts about files are those of the whole input.

    `requires_input`: the whole input must have a record. A part may have none.
    """

    whole: JobInput
    shard: Shard
    requires_input: bool = False

    def feed(self, session: Session | None = None, emit: Emit = to_nobody) -> Feed:
        """See JobInput."""
        feed = self.whole.feed(session, emit)
        return ShardedFeed(RequiredFeed(feed) if self.requires_input else feed, self.shard)

    def fraction_read(self) -> float | None:
        """See JobInput."""
        return self.whole.fraction_read()

    @property
    def is_typed(self) -> bool:
        """See JobInput."""
        return self.whole.is_typed

    @property
    def is_listing(self) -> bool:
        """See JobInput."""
        return self.whole.is_listing

    @property
    def places(self) -> Sequence[Path | int]:
        """See JobInput."""
        return self.whole.places

    @property
    def single_use(self) -> str | None:
        """See JobInput."""
        return self.whole.single_use

    def fingerprint(self) -> list[Fingerprint]:
        """See JobInput. The options, which a journal compares as well, name the part."""
        return self.whole.fingerprint()

    def inputs_read(self) -> list[InputRead]:
        """See JobInput."""
        return self.whole.inputs_read()

    def warnings(self) -> list[str]:
        """See JobInput."""
        return self.whole.warnings()
