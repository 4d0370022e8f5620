"""Read the keys of one side of a comparison from a store, and compare both in order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

from kvsctl.bulk.alike import FailedChecks
from kvsctl.bulk.events import Event, Listener, RecordsRead, Settled
from kvsctl.bulk.feeds import ReadyFeed
from kvsctl.bulk.outcomes.in_order import Reorder
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.plan import Pressure, RunPlan
from kvsctl.bulk.run import Run
from kvsctl.bulk.settling.reconcile import EXPIRED, MISSING
from kvsctl.comparison.entries import Block, Entry
from kvsctl.errors import KvsctlError
from kvsctl.files.descriptors import descriptor
from kvsctl.jobs.connect import Carriers, connected
from kvsctl.jobs.cron.time_limit import TimeLimit
from kvsctl.jobs.runner import Interrupts
from kvsctl.jobs.store.side import StoreSide
from kvsctl.jsontext import string
from kvsctl.listing.plan import ListingPlan
from kvsctl.model import Found, Identity, Outcome, Problem, Record
from kvsctl.records.formats import Forms
from kvsctl.records.parser_choice import set_parsers
from kvsctl.records.reader import Reader
from kvsctl.records.rules import Rules
from kvsctl.records.sources import File
from kvsctl.service.auth.credentials import Credentials
from kvsctl.service.client import StoreClient
from kvsctl.service.wire import MetadataRequest, key_body

_MOST_HELD_BYTES: Final = 16_000_000
_IN_ORDER: Final = "{} in order of keys"
ABSENT: Final = (MISSING, EXPIRED)
"""The reasons for skipping reads of keys that the store lacks or that have expired."""


class Lookup:
    """A listener that compares entries with what the store holds for them, in their order.

    `compare` is called for each entry that was read, with the record of the store or None. An entry
    that could not be read is counted as failed by other listeners, and not compared.
    """

    wants = frozenset({Settled})

    def __init__(self, compare: Callable[[Entry, Entry | None], None], name: str) -> None:
        self._compare = compare
        self._source = _IN_ORDER.format(name)
        self._unread: dict[int, Entry] = {}
        self._reorder: Reorder[tuple[Entry, Entry | None]] = Reorder(_size)

    @property
    def held_bytes(self) -> int:
        """The bytes of records that wait for an earlier one."""
        return self._reorder.held_bytes

    def records(self, blocks: Iterable[Block]) -> Iterator[Sequence[Record]]:
        """Yield the keys of entries as records to read. Each is kept until it settles."""
        position = 0
        for block in blocks:
            records = []
            for entry in block:
                identity = Identity(entry.entity or None, entry.key)
                body = key_body(identity)
                records.append(Record(position, self._source, position + 1, identity, body))
                self._unread[position] = entry
                position += 1
            yield records

    def __call__(self, event: Event) -> None:
        """Compare the entries that no longer wait for an earlier one."""
        if isinstance(event, Settled):
            for outcome in event.outcomes:
                for entry, other in self._reorder.add(outcome.position, self._pair(outcome)):
                    self._compare(entry, other)

    def close(self) -> None:
        """Compare entries that wait for one that never settled."""
        for entry, other in self._reorder.drain():
            self._compare(entry, other)

    def _pair(self, outcome: Outcome) -> tuple[Entry, Entry | None] | None:
        entry = self._unread.pop(outcome.position)
        if outcome.found is not None:
            assert outcome.subject.identity is not None  # noqa: S101
            return entry, entry_of(outcome.subject.identity, outcome.found)
        return (entry, None) if outcome.skipped_by in ABSENT else None


def _size(pair: tuple[Entry, Entry | None]) -> int:
    entry, other = pair
    return len(entry.body) + (0 if other is None else len(other.body))


def entry_of(identity: Identity, found: Found) -> Entry:
    """Return a stored record as an entry with a set-ready body, with its expiry if it is known."""
    entity = b"" if identity.entity is None else b',"entityName":' + string(identity.entity)
    expiry = b"" if found.expire_time is None else b',"expireTime":' + string(found.expire_time)
    body = b'{"key":%b%b,"value":%b%b}' % (string(identity.key), entity, found.value, expiry)
    return Entry(identity.entity or "", identity.key, body)


def reader_of(paths: Iterable[Path | None], forms: Forms, entity: str | None) -> Reader:
    """Return a reader of files to compare; None: stdin. Raise UsageError if one cannot be used.

    `entity`: the entity of records that name none.
    """
    files = [File(path, forms=forms) for path in paths]
    for file in files:
        file.require_readable()
    # Records of another installation, or of the future, may break today's limits.
    reader = Reader(files, set_parsers(Rules(None, entity), forms.shape, string=False))
    reader.require_usable(may_reread=lambda path: descriptor(path) is None)
    return reader


def selected(blocks: Iterator[Block], plan: ListingPlan | None) -> Iterator[Block]:
    """Return the entries of files that a listing of the other side would cover."""
    if plan is None:
        return blocks
    entities = {"" if space is None else space.entity for space in plan.spaces}
    chooses = plan.selection.chooses_key
    return (
        [one for one in block if one.entity in entities and chooses(one.entity or None, one.key)]
        for block in blocks
    )


async def look_up(
    store: StoreSide,
    credentials: Credentials,
    lookup: Lookup,
    blocks: Iterable[Block],
    listeners: Sequence[Listener],
    interrupts: Interrupts,
    limit: TimeLimit,
    note: Callable[[str], None],
    *,
    is_written: Callable[[Run], bool] = lambda _: True,
    carriers: Carriers | None = None,
    pacer: Pacer | None = None,
) -> KvsctlError | None:
    """Read and compare all entries. Return the error that ended this early, if any.

    `is_written` returns whether the output can take more; it may stop the run, and wakes it when it
    can. `carriers`: connections that are shared with others. `pacer`: shared with an earlier or
    later run on the store. Raise UsageError or StreamError if the first block cannot be read.
    """
    # Unsorted input is sorted here: until that is done, an interrupt ends the process.
    rest = iter(blocks)
    first = next(rest, ())
    target = connected(
        store.target,
        credentials,
        timeout_seconds=store.timeout_seconds,
        asked=MetadataRequest(expires=True),
        wants_headers=store.wants_headers,
        carriers=carriers,
    )
    async with target as service:
        run = lookup_run(store.plan, service, lookup, listeners, is_written=is_written, pacer=pacer)
        with interrupts.stopping(run, note), limit.stopping(run):
            error = await run.work(ReadyFeed(lookup.records(chain([first], rest))))
        lookup.close()
        return error or limit.work_left()


def lookup_run(
    plan: RunPlan,
    service: StoreClient,
    lookup: Lookup,
    listeners: Sequence[Listener],
    *,
    is_written: Callable[[Run], bool],
    pacer: Pacer | None = None,
) -> Run:
    """Return a run that reads and compares what `lookup.records` yields: see `look_up`."""

    def pressure() -> Pressure:
        if not is_written(run):
            return Pressure.STOP
        is_held = lookup.held_bytes > _MOST_HELD_BYTES
        return Pressure.OLDEST_ONLY if is_held else Pressure.NONE

    run = Run(plan, service, [*listeners, lookup], pressure=pressure, pacer=pacer)
    return run


def counting(note: Listener) -> Callable[[Problem], None]:
    """Return a function that notes a problem as a record that failed."""

    def count(problem: Problem) -> None:
        note(RecordsRead(1))
        note(Settled(FailedChecks([problem])))

    return count


def count_absent_as_read(tally: Tally) -> None:
    """Count keys that the store lacks as succeeded: the task was to read them."""
    for name in ABSENT:
        count = tally.skipped_by.pop(name, 0)
        tally.skipped -= count
        tally.succeeded += count
