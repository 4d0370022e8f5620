"""A store that is read once for several jobs, and kept in a temporary file until they are done."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import closing
from typing import Final, TypeAlias

import msgspec

from kvsctl.bulk.events import Event, Listener, Settled
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.pacing.app_invocations import pacer_of
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.comparison.entries import Block, Entry, blocks_of
from kvsctl.comparison.memory import SortingMemory
from kvsctl.comparison.sorting import Sorter
from kvsctl.comparison.stored import StoredEntries
from kvsctl.errors import KvsctlError, StreamError
from kvsctl.jobs.cron.time_limit import TimeLimit
from kvsctl.jobs.runner import Interrupts
from kvsctl.jobs.store.listing import ListedStore, list_store
from kvsctl.listing.ranges import Range
from kvsctl.listing.walk import SOURCE
from kvsctl.model import Failure, Found, Identity, Outcome, Record, State
from kvsctl.service.client import StoreClient
from kvsctl.service.wire import key_body

_WHAT: Final = "the records of the source"
_HINT: Final = "Set TMPDIR to a folder with more space."
_MOST_BYTES: Final = 16 << 20
"""How much of the copy is in memory while it is sorted."""
_BLOCK_ENTRIES: Final = 200

Page: TypeAlias = Sequence[Outcome]
"""The outcomes of adjacent keys."""


class SourceCopy:
    """A copy of what a listing of a store has found.

    For a job, it is equivalent to listing the store: it has the same records, failures and skipped
    records, in the order of entities and keys. `read` it once, before jobs use it at the same time.
    It is on disk, in a temporary file that ends with the process. Close it at the end.
    """

    def __init__(self, listed: ListedStore) -> None:
        self.listed = listed
        self.memory = SortingMemory(_MOST_BYTES)
        """The memory in which users of the copy sort keys."""
        self.tally = Tally()
        """The totals of reading."""
        self.elapsed_seconds = 0.0
        self.may_lack_numbers = False
        """See `service.client.Answer`."""
        self._stored = StoredEntries(_WHAT, _HINT)
        self._pacer: Pacer | None = None

    @property
    def name(self) -> str:
        """The name of the store for people."""
        return self.listed.name

    def pacer(self) -> Pacer:
        """Return the pacer of all requests to the store."""
        if self._pacer is None:
            self._pacer = pacer_of(self.listed.store.plan.pace)
        return self._pacer

    async def read(
        self,
        listeners: Sequence[Listener],
        interrupts: Interrupts,
        limit: TimeLimit,
        note: Callable[[str], None],
    ) -> KvsctlError | None:
        """Read the store. Return the error that ended this early, if any.

        Do not use the copy if there was one, or if reading was interrupted.
        """
        began = time.monotonic()
        with closing(Sorter(Entry, memory=self.memory, what=_WHAT, hint=_HINT)) as found:
            everyone: list[Listener] = [self.tally, _Taker(found), *listeners]
            error = await list_store(
                self.listed,
                everyone,
                interrupts,
                limit,
                note,
                pacer=self.pacer(),
                learn=self._learn,
            )
            if error is None and interrupts.interrupted is None:
                error = await self._keep(found, interrupts)
        self.elapsed_seconds = time.monotonic() - began
        return error

    def _learn(self, service: StoreClient) -> None:
        self.may_lack_numbers = service.may_lack_numbers

    async def _keep(self, found: Sorter[Entry], interrupts: Interrupts) -> StreamError | None:
        """Write what was found to the file. Signals are handled between two blocks."""
        try:
            for block in blocks_of(found.sorted(), _BLOCK_ENTRIES):
                await asyncio.sleep(0)
                if interrupts.interrupted is not None:
                    return None
                self._stored.add(block)
        except StreamError as error:
            return error
        return None

    def outcomes(self, position: int = 0) -> Iterator[Page]:
        """Yield everything, as the listing has settled it. Positions count from `position`."""
        for block in self._stored.blocks():
            yield [_outcome_of(position + place, one) for place, one in enumerate(block)]
            position += len(block)

    def outcomes_in(self, entity: str, range_: Range, position: int) -> Iterator[Page]:
        """Yield the outcomes of a range of an entity's keys; the entity "" has plain keys."""
        start = entity, max(range_.within, range_.after or "")
        for block in self._stored.blocks(start):
            held = [one for one in block if one.entity == entity and range_.holds(one.key)]
            if held:
                yield [_outcome_of(position + place, one) for place, one in enumerate(held)]
                position += len(held)
            last = block[-1]
            if last.entity > entity or (last.entity == entity and range_.is_past(last.key)):
                return

    async def chosen(self) -> AsyncIterator[Block]:
        """Yield the identities of chosen records, even of those that could not be read."""
        for outcomes in self.outcomes():
            await asyncio.sleep(0)
            yield [
                Entry(one.subject.identity.entity or "", one.subject.identity.key, b"")
                for one in outcomes
                if one.subject.identity is not None and one.skipped_by is None
            ]

    def close(self) -> None:
        """Remove the file."""
        self._stored.close()


class _Taker:
    """A listener that keeps what a listing settles."""

    wants = frozenset({Settled})

    def __init__(self, found: Sorter[Entry]) -> None:
        self._found = found

    def __call__(self, event: Event) -> None:
        """Take what was found. Raise StreamError if it cannot be kept."""
        assert isinstance(event, Settled)  # noqa: S101 - it wants no other
        for outcome in event.outcomes:
            if outcome.is_final and (identity := outcome.subject.identity) is not None:
                self._found.add(Entry(identity.entity or "", identity.key, _text_of(outcome)))


class _Kept(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """How a listing has settled a record. Texts are bytes: those of a service may not be UTF-8."""

    value: bytes | None = None
    expire_time: bytes | None = None
    failure: Sequence[bytes] | None = None
    trace_id: bytes | None = None
    skipped_by: str | None = None


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Kept).decode


def _text_of(outcome: Outcome) -> bytes:
    found, failure = outcome.found, outcome.failure
    return _encode(
        _Kept(
            None if found is None else found.value,
            None if found is None else _bytes(found.expire_time),
            None if failure is None else [_encoded(failure.code), _encoded(failure.message)],
            None if failure is None else _bytes(failure.trace_id),
            outcome.skipped_by,
        )
    )


def _outcome_of(position: int, entry: Entry) -> Outcome:
    identity = Identity(entry.entity or None, entry.key)
    record = Record(position, SOURCE, position + 1, identity, key_body(identity))
    kept = _decode(entry.body)
    if kept.failure is not None:
        code, message = map(_text, kept.failure)
        trace_id = None if kept.trace_id is None else _text(kept.trace_id)
        return Outcome(record, State.FAILED, Failure(code, message, trace_id))
    if kept.value is None or kept.skipped_by is not None:
        return Outcome(record, State.SKIPPED, skipped_by=kept.skipped_by)
    expire_time = None if kept.expire_time is None else _text(kept.expire_time)
    return Outcome(record, State.SUCCEEDED, found=Found(kept.value, expire_time=expire_time))


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else _encoded(text)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(text: bytes) -> str:
    return text.decode("utf-8", "surrogatepass")
