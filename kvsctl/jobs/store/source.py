"""The records that a listing of another store chooses, as records to set."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from kvsctl.bulk.feeds import AsyncFeed, Feed
from kvsctl.bulk.pacing.app_invocations import pacer_of
from kvsctl.jobs.connect import connected
from kvsctl.jobs.inputs import Emit, Session, to_nobody
from kvsctl.jobs.store.arrivals import Arrivals
from kvsctl.jobs.store.listed_input import ListedInput
from kvsctl.jobs.store.listing import ListedStore
from kvsctl.jobs.store.making import Making
from kvsctl.listing.run import ListingRun
from kvsctl.model import PieceList
from kvsctl.report.document import InputRead
from kvsctl.service.auth.credentials import Credentials


class SourceInput(ListedInput, frozen=True):
    """The records that a listing of `source` chooses, as `making` turns them into records to set.

    `database` holds the files of the source, if it is an embedded emulator.
    """

    source: ListedStore
    making: Making = msgspec.field(default_factory=Making)
    database: Sequence[Path] = ()

    def feed(self, session: Session | None = None, emit: Emit = to_nobody) -> Feed:
        """See JobInput. The source is opened even without a session: reading it sends nothing.

        Raise UsageError if its credentials are not available.
        """
        credentials = self.source.store.credentials()
        return AsyncFeed(self._records(credentials, session, emit))

    @property
    def places(self) -> Sequence[Path | int]:
        """See JobInput."""
        return self.database

    @property
    def single_use(self) -> str | None:
        """See JobInput. A store may have changed when it is read again."""
        return self.source.name

    def inputs_read(self) -> list[InputRead]:
        """See JobInput."""
        return [{"source": self.source.name, "format": "listing", "compression": None}]

    async def _records(
        self, credentials: Credentials, session: Session | None, emit: Emit
    ) -> AsyncGenerator[PieceList, None]:
        """Yield the records of each page. Raise KvsctlError if the listing cannot be finished."""
        listed, store = self.source, self.source.store
        target = connected(
            store.target,
            credentials,
            timeout_seconds=store.timeout_seconds,
            asked=replace(listed.plan.needed, expires=True),
            wants_headers=store.wants_headers,
        )
        remainder = None if session is None else session.remainder
        async with target as service:
            arrivals = Arrivals(
                lambda one: self.making.piece(one, may_lack_numbers=service.may_lack_numbers),
                emit if session is None else session.emit,
                0 if remainder is None else remainder.position,
            )
            run = ListingRun(
                listed.plan,
                store.plan,
                service,
                [arrivals],
                pacer=pacer_of(store.plan.pace),
                pressure=arrivals.pressure,
                notice=_nowhere if session is None else session.notice,
                remainder=remainder,
            )
            task = asyncio.create_task(run.work())
            task.add_done_callback(lambda _: arrivals.end())
            try:
                while (pieces := await arrivals.next()) is not None:
                    yield pieces
                    run.wake()
                if (error := task.result()) is not None:
                    raise store.explained(error)
            finally:
                run.abort()
                await asyncio.wait([task])


def _nowhere(_text: str) -> None:
    """Ignore a notice."""
