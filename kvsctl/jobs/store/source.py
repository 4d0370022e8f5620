"""What a listing of another store chooses, as records to set."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from kvsctl.bulk.feeds import AsyncFeed, Feed
from kvsctl.bulk.pacing.app_invocations import pacer_of
from kvsctl.bulk.settling.reconcile import MAY_BE_ROUNDED
from kvsctl.jobs.connect import connected
from kvsctl.jobs.inputs import Emit, Session, to_nobody
from kvsctl.jobs.store.arrivals import Arrivals, Piece
from kvsctl.jobs.store.listing import ListedStore
from kvsctl.journal.fingerprint import Fingerprint
from kvsctl.jsonequal import has_large_number
from kvsctl.listing.run import ListingRun
from kvsctl.listing.walk import SOURCE
from kvsctl.model import Identity, Outcome, PieceList, Problem, Record, State
from kvsctl.records.checks import check_numbers
from kvsctl.records.fields import Fields
from kvsctl.records.parsed import Parsed
from kvsctl.records.parsing.records import set_record
from kvsctl.records.rules import Rules
from kvsctl.report.document import InputRead
from kvsctl.selection.mapping import KeyMapping
from kvsctl.service.auth.credentials import Credentials
from kvsctl.service.wire import key_body


class SourceInput(msgspec.Struct, frozen=True):
    """What a listing of `source` chooses, as records to set under the keys of `mapping`.

    `selection` holds the options that choose, by name. `database` holds the files of the source, if
    it is an embedded emulator. `note` is called for each record that is chosen, also if it could
    not be read again. `refuses_rounded`: a record fails if the source, a bridge, may have rounded
    it. `needs_exact_numbers`: one fails if the target, a bridge, would round it.
    """

    source: ListedStore
    mapping: KeyMapping = msgspec.field(default_factory=KeyMapping)
    rules: Rules = msgspec.field(default_factory=Rules)
    selection: Mapping[str, Any] = msgspec.field(default_factory=dict)
    database: Sequence[Path] = ()
    note: Callable[[Identity], None] = lambda _identity: None
    refuses_rounded: bool = False
    needs_exact_numbers: bool = False

    def feed(self, session: Session | None = None, emit: Emit = to_nobody) -> Feed:
        """See JobInput. The source is opened even if there is no session: reading it sends nothing.

        Raise UsageError if its credentials cannot be had.
        """
        credentials = self.source.store.credentials()
        return AsyncFeed(self._records(credentials, session, emit))

    def fraction_read(self) -> float | None:
        """See JobInput. How much there is to list is not known."""
        return None

    @property
    def is_typed(self) -> bool:
        """See JobInput."""
        return False

    @property
    def is_listing(self) -> bool:
        """See JobInput."""
        return True

    @property
    def places(self) -> Sequence[Path | int]:
        """See JobInput."""
        return self.database

    @property
    def single_use(self) -> str | None:
        """See JobInput. A store may hold something else when it is read again."""
        return self.source.name

    def fingerprint(self) -> list[Fingerprint]:
        """See JobInput. The options, which a journal compares as well, name the store."""
        return [{"kind": "listing", "selection": dict(self.selection)}]

    def inputs_read(self) -> list[InputRead]:
        """See JobInput."""
        return [{"source": self.source.name, "format": "listing", "compression": None}]

    def warnings(self) -> list[str]:
        """See JobInput."""
        return []

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
        arrivals = Arrivals(
            self._piece,
            emit if session is None else session.emit,
            0 if remainder is None else remainder.position,
        )
        async with target as service:
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

    def _piece(self, outcome: Outcome) -> Piece | Outcome:
        """Return what was read as a record to set, or as an outcome if it is not there."""
        read = outcome.subject
        assert isinstance(read, Record)  # noqa: S101
        position, entity = read.position, read.identity.entity
        key = self.mapping.mapped(read.identity.key)
        if outcome.found is None and outcome.failure is None:
            identity = Identity(entity, key)
            record = Record(position, SOURCE, position + 1, identity, key_body(identity))
            return Outcome(record, State.SKIPPED, skipped_by=outcome.skipped_by)
        self.note(read.identity)
        if outcome.found is None:
            assert outcome.failure is not None  # noqa: S101
            code, message = outcome.failure.code, outcome.failure.message
            message = f"not written, because reading it from the source failed: {message}"
            return Problem(position, read.origin, read.identity, code, message, read.body)
        found = outcome.found
        if (wrong := self._wrong_number(found.value)) is not None:
            code, message = wrong
            return Problem(position, read.origin, read.identity, code, message, read.body)
        fields = Fields(key, found.value, entity, expire_time=found.expire_time)
        parsed = set_record(fields, self.rules)
        if isinstance(parsed, Parsed):
            expires_at = parsed.expires_at
            return Record(position, SOURCE, position + 1, parsed.identity, parsed.body, expires_at)
        return parsed.problem(position, read.origin, read.body)

    def _wrong_number(self, value: bytes) -> tuple[str, str] | None:
        """Return the code and the message of a value with a number that a bridge changes."""
        if self.refuses_rounded and has_large_number(value):
            return MAY_BE_ROUNDED.code, MAY_BE_ROUNDED.message
        breach = check_numbers(value) if self.needs_exact_numbers else None
        return None if breach is None else (breach.code, breach.message)


def _nowhere(_text: str) -> None:
    """Take a notice that nobody wants."""
