"""Plan to delete keys that a target has, but the source of a sync lacks."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple, Self

from msgspec.structs import replace

from kvsctl.bulk.events import Event, PageListed, RequestEnded, Settled, Waiting
from kvsctl.bulk.feeds import ReadyFeed
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.run import Run
from kvsctl.bulk.settling.reconcile import MISSING, ReadPolicy
from kvsctl.comparison.entries import Block, Entry, blocks_of
from kvsctl.comparison.joining import join
from kvsctl.comparison.sorting import Sorter
from kvsctl.errors import RUN_AGAIN, KvsctlError, StreamError, TargetError, WorkLeft
from kvsctl.files.sinks import PartFile
from kvsctl.jobs.connect import connected
from kvsctl.jobs.cron.time_limit import MORE_TIME, TimeLimit, Untouched
from kvsctl.jobs.runner import Interrupts
from kvsctl.jobs.store.copy import SourceCopy
from kvsctl.jobs.store.listing import ListedStore, list_store
from kvsctl.jobs.store.side import StoreSide
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.listing.walk import SOURCE
from kvsctl.model import Identity, Outcome, Record, State
from kvsctl.outputs.names import is_taken, require_new
from kvsctl.outputs.plan_lines import ASKED, deletion_line
from kvsctl.records.checks import check_key
from kvsctl.selection.mapping import KeyMapping
from kvsctl.service.wire import key_body
from kvsctl.texts import counted

_UNPLANNED: Final = Untouched("the deletions were planned", "no plan was written", MORE_TIME)


class Planning(NamedTuple):
    """What planning gets from a job that has sent its records.

    `emit` passes events to the listeners of the run. `notice` writes a line for people, and
    `announce` one that quiet jobs leave out.
    """

    emit: Callable[[Event], None]
    interrupts: Interrupts
    limit: TimeLimit
    notice: Callable[[str], None]
    announce: Callable[[str], None]


class Deletions:
    """The keys of a target that are not in a source, as a plan in a file of its own.

    `source` and `target` are listed alike; `mapping` turns keys of the source into those of the
    target. While the source is listed, `note_source` must be called for each chosen record, unless
    there is a `copy` of it, which knows them. The file is created when the block is entered, and
    appears once the plan is complete. It never replaces another, unless that is empty: raise
    UsageError if there is one.
    """

    def __init__(
        self,
        path: Path,
        source: ListedStore,
        target: ListedStore,
        mapping: KeyMapping,
        copy: SourceCopy | None = None,
    ) -> None:
        self.path = path
        self._source = source
        self._target = target
        self._mapping = mapping
        self._copy = copy
        self._memory = None if copy is None else copy.memory
        self._seen = self._sorter()
        self._part: PartFile | None = None
        self.planned = 0
        """How many deletions are planned."""

    def __enter__(self) -> Self:
        require_new(self.path, "the plan", may_be_empty=True)
        self._part = PartFile(self.path)
        return self

    def __exit__(self, *_: object) -> None:
        self._seen.close()
        if self._part is not None:  # it is not complete
            self._part.abandon()
            self._part.part_path.unlink(missing_ok=True)

    def note_source(self, identity: Identity) -> None:
        """Note a record of the source. Raise StreamError if it cannot be kept."""
        self._seen.add(Entry(identity.entity or "", identity.key, b""))

    async def plan(self, planning: Planning) -> KvsctlError | None:
        """Find out what to delete, and write the plan. Return the error that ended this early.

        Nothing is planned unless everything could be listed and read.
        """
        try:
            await self._plan(planning)
        except KvsctlError as error:
            return error
        deletions = counted(self.planned, "deletion")
        planning.announce(f"planned {deletions} in {self.path}; nothing was deleted")
        return None

    async def _plan(self, planning: Planning) -> None:
        with (
            closing(self._sorter()) as listed,
            closing(self._sorter()) as missing,
            closing(self._sorter()) as lines,
        ):
            await self._list_target(listed, planning)
            await self._read_source(listed, missing, planning)
            await self._read_target(missing, lines, planning)
            self._write(entry.body for entry in lines.sorted())

    async def _list_target(self, listed: Sorter[Entry], planning: Planning) -> None:
        """Keep each listed key that the source could have, under its name there."""
        chooses = self._source.plan.selection.chooses_key

        def take(event: Event) -> None:
            if not isinstance(event, Settled):
                planning.emit(event)
                return
            for outcome in event.outcomes:
                identity = outcome.subject.identity
                if identity is None or outcome.found is None:
                    continue
                key = self._mapping.original(identity.key)
                # An illegal key cannot be in the source, and must not be requested.
                if (
                    key is not None
                    and not check_key(key, DEFAULT_LIMITS)
                    and chooses(identity.entity, key)
                ):
                    listed.add(Entry(identity.entity or "", key, b""))

        error = await list_store(
            self._target, [_Listener(take)], planning.interrupts, planning.limit, planning.notice
        )
        _require_whole(error, planning)

    async def _read_source(
        self, listed: Sorter[Entry], missing: Sorter[Entry], planning: Planning
    ) -> None:
        """Keep each listed key that the source lacks both in its listing and by batch/get."""

        def take(outcome: Outcome) -> None:
            identity = outcome.subject.identity
            if identity is not None and outcome.skipped_by == MISSING:
                missing.add(Entry(identity.entity or "", identity.key, b""))

        with closing(self._sorter()) as unseen:

            def compare(seen: Entry | None, other: Entry | None) -> None:
                if seen is None and other is not None:
                    unseen.add(other)

            copy = self._copy
            seen = _paced(self._seen) if copy is None else copy.chosen()
            await join(seen, _paced(listed), compare)
            pacer = None if copy is None else copy.pacer()
            await _read(self._source.store, unseen, lambda key: key, take, planning, pacer)

    async def _read_target(
        self, missing: Sorter[Entry], lines: Sorter[Entry], planning: Planning
    ) -> None:
        """Keep a line for each key that the target still holds."""
        store = self._target.store

        def take(outcome: Outcome) -> None:
            identity, found = outcome.subject.identity, outcome.found
            if identity is not None and found is not None:
                target = store.target
                line = deletion_line(target.display, target.installation, identity, found)
                lines.add(Entry(identity.entity or "", identity.key, line))

        await _read(store, missing, self._mapping.mapped, take, planning)

    def _sorter(self) -> Sorter[Entry]:
        return Sorter(Entry, memory=self._memory)

    def _write(self, lines: Iterable[bytes]) -> None:
        assert self._part is not None  # noqa: S101
        planned = 0
        for line in lines:
            self._part.write(line)
            planned += 1
        if is_taken(self.path):
            raise StreamError(f"the plan {self.path} was created by another program")
        self._part.complete()
        if self._part.broken is not None:
            broken = self._part.broken
            raise StreamError(f"cannot write the plan to {self.path}: {broken.strerror}")
        self._part, self.planned = None, planned


async def _paced(entries: Sorter[Entry]) -> AsyncIterator[Block]:
    """Yield sorted entries in blocks. Signals and answers are handled between two of them."""
    for block in blocks_of(entries.sorted()):
        await asyncio.sleep(0)
        yield block


def _records(entries: Iterator[Entry], named: Callable[[str], str]) -> Iterator[Sequence[Record]]:
    """Yield entries as records to read, each under the key that `named` returns."""
    position = 0
    for block in blocks_of(entries):
        records = []
        for entry in block:
            identity = Identity(entry.entity or None, named(entry.key))
            records.append(Record(position, SOURCE, position + 1, identity, key_body(identity)))
            position += 1
        yield records


async def _read(
    store: StoreSide,
    entries: Sorter[Entry],
    named: Callable[[str], str],
    take: Callable[[Outcome], None],
    planning: Planning,
    pacer: Pacer | None = None,
) -> None:
    """Read entries by batch/get, and pass on each outcome. Raise KvsctlError unless all are read.

    Expired records that the service still returns are found, too.
    """
    unread = _Unread()

    def listen(event: Event) -> None:
        if not isinstance(event, Settled):
            planning.emit(event)
            return
        for outcome in event.outcomes:
            unread.note(outcome)
            take(outcome)

    target = connected(
        store.target,
        store.credentials(),
        timeout_seconds=store.timeout_seconds,
        asked=ASKED,
        wants_headers=False,
    )
    refuses_rounded = store.plan.read_policy.refuses_rounded
    policy = ReadPolicy(ignore_missing=True, refuses_rounded=refuses_rounded)
    plan = replace(store.plan, read_policy=policy)
    async with target as service:
        run = Run(plan, service, [_Listener(listen)], pacer=pacer)
        with planning.interrupts.stopping(run, planning.notice), planning.limit.stopping(run):
            error = await run.work(ReadyFeed(_records(entries.sorted(), named)))
    _require_whole(None if error is None else store.explained(error), planning)
    if unread.count:
        raise TargetError(
            f"nothing is planned: {unread.count:,} keys of {store.name} could not be read, "
            f"the first with {unread.code}",
            RUN_AGAIN,
        )


class _Listener:
    """A listener of what planning reads: its outcomes, and its requests."""

    wants = frozenset({Settled, RequestEnded, Waiting, PageListed})

    def __init__(self, take: Callable[[Event], None]) -> None:
        self._take = take

    def __call__(self, event: Event) -> None:
        self._take(event)


class _Unread:
    """How many records could not be read, and why the first could not."""

    def __init__(self) -> None:
        self.count = 0
        self.code = ""

    def note(self, outcome: Outcome) -> None:
        """Count an outcome that leaves the state of the store unknown."""
        if outcome.state in (State.FAILED, State.UNSENT, State.UNKNOWN):
            self.count += 1
            if not self.code:
                self.code = outcome.state.value if outcome.failure is None else outcome.failure.code


def _require_whole(error: KvsctlError | None, planning: Planning) -> None:
    """Raise the error that ended a listing or a run of reads early, if any."""
    if error is None or isinstance(error, WorkLeft):
        error = planning.limit.ended_before(_UNPLANNED, planning.interrupts.interrupted)
    if error is not None:
        raise error
