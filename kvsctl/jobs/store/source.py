"""What a listing of another store chooses, as records to set."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from kvsctl.bulk.events import Event, PageListed, RecordsRead, RequestEnded, Settled, Waiting
from kvsctl.bulk.feeds import AsyncFeed, Feed
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.plan import Pressure
from kvsctl.bulk.settling.reconcile import UNDECIDED
from kvsctl.errors import KvsctlError
from kvsctl.jobs.connect import connected, credentials_of
from kvsctl.jobs.job import Session
from kvsctl.jobs.store.listing import ListedStore
from kvsctl.journal.fingerprint import Fingerprint
from kvsctl.listing.run import ListingRun
from kvsctl.listing.walk import SOURCE
from kvsctl.model import Identity, Outcome, PieceList, Problem, Record, State
from kvsctl.records.fields import Fields
from kvsctl.records.parsed import Parsed
from kvsctl.records.parsing.records import set_record
from kvsctl.records.rules import Rules
from kvsctl.report.document import InputRead
from kvsctl.selection.mapping import KeyMapping
from kvsctl.service.auth.credentials import Credentials

_MOST_AHEAD: Final = 4
"""How many pages may wait until the run takes them."""


class SourceInput(msgspec.Struct, frozen=True):
    """What a listing of `source` chooses, as records to set under the keys of `mapping`.

    `database` holds the files of the source, if it is an embedded emulator. `note` is called for
    each record that is chosen, also if it could not be read again.
    """

    source: ListedStore
    mapping: KeyMapping = msgspec.field(default_factory=KeyMapping)
    rules: Rules = msgspec.field(default_factory=Rules)
    database: Sequence[Path] = ()
    note: Callable[[Identity], None] = lambda _identity: None

    def feed(self, session: Session | None = None) -> Feed:
        """See JobInput. The source is opened even if there is no session: reading it sends nothing.

        Raise UsageError if its credentials cannot be had.
        """
        store = self.source.store
        credentials = credentials_of(store.target, allow_http=store.allow_http)
        return AsyncFeed(self._records(credentials, session))

    def fraction_read(self) -> float | None:
        """See JobInput. How much there is to list is not known."""
        return None

    @property
    def is_typed(self) -> bool:
        """See JobInput."""
        return False

    @property
    def places(self) -> Sequence[Path | int]:
        """See JobInput."""
        return self.database

    @property
    def single_use(self) -> str | None:
        """See JobInput. A store may hold something else when it is read again."""
        return self.source.name

    def fingerprint(self) -> list[Fingerprint]:
        """See JobInput."""
        return [{"kind": "store", "name": self.source.name}]

    def inputs_read(self) -> list[InputRead]:
        """See JobInput."""
        return [{"source": self.source.name, "format": "listing", "compression": None}]

    def warnings(self) -> list[str]:
        """See JobInput."""
        return []

    async def _records(
        self, credentials: Credentials, session: Session | None
    ) -> AsyncGenerator[PieceList, None]:
        """Yield the records of each page. Raise KvsctlError if the listing cannot be finished."""
        listed, store = self.source, self.source.store
        target = connected(
            store.target,
            credentials,
            timeout_seconds=store.timeout_seconds,
            asked=replace(listed.plan.needed, expires=True),
            wants_headers=False,
        )
        arrivals = _Arrivals(self._piece, _nowhere if session is None else session.emit)
        async with target as service:
            run = ListingRun(
                listed.plan,
                store.plan,
                service,
                [arrivals],
                pacer=Pacer(store.plan.pace, asyncio.get_running_loop().time),
                pressure=arrivals.pressure,
                notice=_nowhere if session is None else session.notice,
            )
            task = asyncio.create_task(run.work())
            task.add_done_callback(lambda _: arrivals.end())
            try:
                while (pieces := await arrivals.next()) is not None:
                    yield pieces
                    run.wake()
                if (error := task.result()) is not None:
                    raise _of_source(error, listed.name)
            finally:
                run.abort()
                await asyncio.wait([task])

    def _piece(self, outcome: Outcome, position: int) -> Record | Problem | None:
        """Return what was read as a record to set; None if it is not there."""
        read = outcome.subject
        assert isinstance(read, Record)  # noqa: S101
        entity, key = read.identity.entity, self.mapping.mapped(read.identity.key)
        if outcome.found is None:
            if outcome.failure is None:
                return None
            self.note(read.identity)
            code, message = outcome.failure.code, outcome.failure.message
            message = f"not written, because reading it from the source failed: {message}"
            return Problem(position, read.origin, read.identity, code, message, read.body)
        self.note(read.identity)
        found = outcome.found
        fields = Fields(key, found.value, entity, expire_time=found.expire_time)
        parsed = set_record(fields, self.rules)
        if isinstance(parsed, Parsed):
            expires_at = parsed.expires_at
            return Record(position, SOURCE, position + 1, parsed.identity, parsed.body, expires_at)
        code, message, cause = parsed.breach
        raw = parsed.record or read.body
        return Problem(
            position, read.origin, parsed.identity, code, message, raw, parsed.readable, cause
        )


class _Arrivals:
    """A listener that keeps what a listing finds until it is taken, and passes on other events.

    `piece` makes a piece of the outcome of a read, for a position; None is left out. Records about
    which the selection could not decide are passed on as such.
    """

    wants = frozenset({Settled, RequestEnded, Waiting, PageListed})

    def __init__(
        self,
        piece: Callable[[Outcome, int], Record | Problem | None],
        emit: Callable[[Event], object],
    ) -> None:
        self._piece = piece
        self._emit = emit
        self._ready: deque[PieceList] = deque()
        self._changed = asyncio.Event()
        self._has_ended = False
        self._position = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, Settled):
            self._take(event)
        else:
            self._emit(event)

    def pressure(self) -> Pressure:
        """Return whether more may be read."""
        return Pressure.STOP if len(self._ready) >= _MOST_AHEAD else Pressure.NONE

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
        pieces: list[Record | Problem] = []
        for outcome in settled.outcomes:
            if outcome.skipped_by == UNDECIDED:
                self._pass_on(outcome)
                continue
            piece = self._piece(outcome, self._position)
            if piece is not None:
                pieces.append(piece)
                self._position += 1
        if pieces:
            self._ready.append(pieces)
            self._changed.set()

    def _pass_on(self, outcome: Outcome) -> None:
        read = outcome.subject
        assert isinstance(read, Record)  # noqa: S101
        here = Record(self._position, SOURCE, self._position + 1, read.identity, read.body)
        self._position += 1
        self._emit(RecordsRead(1))
        self._emit(Settled([Outcome(here, State.SKIPPED, skipped_by=UNDECIDED)]))


def _of_source(error: KvsctlError, name: str) -> KvsctlError:
    """Return an error of the source that says so: nothing is wrong with the target."""
    error.message = f"reading from {name}: {error.message}"
    return error


def _nowhere(_: object) -> None:
    """Take an event or a notice that nobody wants."""
