"""A copy of a store is to a job what listing the store is."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.events import Event, Listener, RecordsRead, Settled
from kvsctl.bulk.feeds import Feed
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.settling.reconcile import EXPIRED, MISSING, UNDECIDED
from kvsctl.config.targets import Target
from kvsctl.errors import KvsctlError, StreamError
from kvsctl.jobs.compare.collecting import Collector, entries_of
from kvsctl.jobs.cron.time_limit import TimeLimit
from kvsctl.jobs.inputs import Session
from kvsctl.jobs.job import Schedule
from kvsctl.jobs.runner import NoInterrupts
from kvsctl.jobs.store import copy as copying
from kvsctl.jobs.store.arrivals import Arrivals
from kvsctl.jobs.store.copy import SourceCopy
from kvsctl.jobs.store.copy_input import CopyInput
from kvsctl.jobs.store.listing import ListedStore
from kvsctl.jobs.store.making import Making
from kvsctl.jobs.store.side import StoreSide
from kvsctl.listing.plan import ListingPlan
from kvsctl.listing.remainder import Mark, Remainder
from kvsctl.listing.walk import SOURCE
from kvsctl.model import Failure, Found, Identity, Outcome, PieceList, Problem, Record, State, Verb
from kvsctl.selection.mapping import KeyMapping
from kvsctl.service.queries import BY_KEY, EntityIndex
from kvsctl.service.wire import key_body

_PAST, _FUTURE = "2001-01-01T00:00:00.000Z", "2101-01-01T00:00:00.000Z"
_PLAN = ListingPlan(spaces=(None, EntityIndex("city", BY_KEY), EntityIndex("app", BY_KEY)))
_IDENTITIES = st.builds(
    Identity, st.sampled_from([None, "app", "city"]), st.text("abc:\ud800", min_size=1, max_size=3)
)
_FOUND = st.builds(
    Found,
    st.sampled_from([b"1", b'{"a":[ 1.0 ]}', b"9007199254740993"]),
    expire_time=st.sampled_from([None, _FUTURE]),
)
_READS = st.one_of(
    _FOUND,
    st.builds(
        Failure, st.just("BUSY"), st.text(max_size=2), st.sampled_from([None, "t"]), st.none()
    ),
    st.sampled_from([EXPIRED, MISSING, UNDECIDED]),
)
_LISTED = st.dictionaries(_IDENTITIES, _READS, max_size=30)
_Read = Found | Failure | str


def _outcome(position: int, identity: Identity, read: _Read) -> Outcome:
    record = Record(position, SOURCE, position + 1, identity, key_body(identity))
    if isinstance(read, Failure):
        return Outcome(record, State.FAILED, read)
    if isinstance(read, str):
        return Outcome(record, State.SKIPPED, skipped_by=read)
    return Outcome(record, State.SUCCEEDED, found=read)


def _listing(drawn: dict[Identity, _Read], random: Random) -> list[Settled]:
    """The outcomes of a listing that divides its ranges: in any order."""
    items = list(drawn.items())
    random.shuffle(items)
    outcomes = [_outcome(position, *item) for position, item in enumerate(items)]
    return [Settled(outcomes[start : start + 7]) for start in range(0, len(outcomes), 7)]


def _copied(events: Sequence[Settled], monkeypatch: pytest.MonkeyPatch) -> SourceCopy:
    """Return the copy of a store whose listing emits these events."""

    async def listed(
        store: ListedStore, listeners: Sequence[Listener], *_: object, pacer: object, learn: object
    ) -> KvsctlError | None:
        assert store is copy.listed
        assert pacer is copy.pacer()
        assert learn is not None
        for event in events:
            for listener in listeners:
                listener(event)
        return None

    async def read() -> KvsctlError | None:
        return await copy.read([], NoInterrupts(), TimeLimit(Schedule()), lambda _: None)

    side = StoreSide(Target("golden", url="http://golden"), RunPlan(Verb.GET), False, 1.0)
    copy = SourceCopy(ListedStore(side, _PLAN))
    with monkeypatch.context() as patched:
        patched.setattr(copying, "list_store", listed)
        patched.setattr(copying, "_BLOCK_ENTRIES", 3)
        assert asyncio.run(read()) is None
    return copy


class _Notes:
    """A listener that keeps what it is told of records, by identity."""

    wants = frozenset({Settled, RecordsRead})

    def __init__(self) -> None:
        self.read = 0
        self.settled: dict[Identity, tuple[State, Failure | None, str | None]] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, RecordsRead):
            self.read += event.count
        elif isinstance(event, Settled):
            for one in event.outcomes:
                assert one.subject.identity is not None
                self.settled[one.subject.identity] = one.state, one.failure, one.skipped_by


@given(_LISTED, st.randoms(use_true_random=False))
def test_comparing_with_the_copy_is_comparing_with_the_store(
    drawn: dict[Identity, _Read], random: Random
) -> None:
    events = _listing(drawn, random)
    direct, copied = _Notes(), _Notes()
    collector = Collector(direct)
    for event in events:
        collector(event)
    with pytest.MonkeyPatch.context() as monkeypatch:
        copy = _copied(events, monkeypatch)
    for _ in range(2):  # each installation reads it
        copied = _Notes()
        entries = [one for block in entries_of(copy, copied, 1e9) for one in block]
    assert entries == [one for block in collector.blocks() for one in block]
    assert (copied.settled, copied.read) == (direct.settled, direct.read)
    copy.close()


def _taken(feed_of: Callable[[], Feed]) -> list[PieceList]:
    async def take() -> list[PieceList]:
        feed, lists = feed_of(), []
        while (pieces := await feed.get()) is not None:
            lists.append(pieces)
        return lists

    return asyncio.run(take())


def _shown(piece: Record | Problem) -> tuple[object, ...]:
    if isinstance(piece, Record):
        return piece.identity, piece.body, piece.expires_at
    return piece.identity, piece.raw, piece.code, piece.message


@given(_LISTED, st.randoms(use_true_random=False), st.booleans())
def test_what_is_set_of_the_copy_is_what_is_set_of_the_store(
    drawn: dict[Identity, _Read], random: Random, refuses: bool
) -> None:
    events = _listing(drawn, random)
    noted: list[list[Identity]] = [[], []]
    making = [
        Making(KeyMapping("copy:"), note=one.append, refuses_rounded=refuses) for one in noted
    ]
    notes = [_Notes(), _Notes()]

    async def arrived() -> list[PieceList]:
        arrivals, lists = Arrivals(partial(making[0].piece, may_lack_numbers=False), notes[0]), []
        for event in events:
            arrivals(event)
        arrivals.end()
        while (pieces := await arrivals.next()) is not None:
            lists.append(pieces)
        return lists

    direct = asyncio.run(arrived())
    with pytest.MonkeyPatch.context() as monkeypatch:
        copy = _copied(events, monkeypatch)
    source = CopyInput(copy, making[1])
    copied = _taken(lambda: source.feed(emit=notes[1]))
    sets = [{_shown(one) for pieces in lists for one in pieces} for lists in (direct, copied)]
    assert sets[0] == sets[1]
    assert sorted(noted[0], key=str) == sorted(noted[1], key=str)
    assert (notes[0].settled, notes[0].read) == (notes[1].settled, notes[1].read)
    positions = [one.position for pieces in copied for one in pieces]
    assert positions == sorted(set(positions))
    copy.close()


@given(_LISTED, st.randoms(use_true_random=False), st.data())
def test_a_journal_resumes_after_the_last_key_that_is_settled(
    drawn: dict[Identity, _Read], random: Random, data: st.DataObject
) -> None:
    """Whatever was settled of the first run, the second has exactly the rest."""
    settled = data.draw(st.integers(0, len(drawn)))  # first: it may abort the test
    with pytest.MonkeyPatch.context() as monkeypatch:
        copy = _copied(_listing(drawn, random), monkeypatch)
    everything = sorted(drawn, key=lambda one: (one.entity or "", one.key))
    spaces = [None if space is None else space.entity for space in _PLAN.spaces]
    in_order = sorted(everything, key=lambda one: spaces.index(one.entity))
    left: dict[Mark, None] = {}

    def keep(remainder: Remainder, count: int) -> None:
        ended, begun = remainder.take(count)
        for mark in ended:
            del left[mark]
        left.update(dict.fromkeys(begun))

    first = Remainder(None, 0)
    assert _run(copy, first) == in_order
    keep(first, settled)
    again = Remainder(list(left), settled)
    assert _run(copy, again) == in_order[settled:]
    keep(again, len(drawn))
    assert left == {}
    copy.close()


def _run(copy: SourceCopy, remainder: Remainder) -> list[Identity]:
    """Return what a run is given or skips, in the order of its positions."""
    skipped: list[Outcome] = []

    def emit(event: Event) -> None:
        if isinstance(event, Settled):
            skipped.extend(event.outcomes)

    session = Session(None, None, emit, remainder=remainder)  # type: ignore[arg-type]
    pieces = _taken(lambda: CopyInput(copy).feed(session))
    found = {one.position: one.identity for some in pieces for one in some}
    found |= {one.position: one.subject.identity for one in skipped}
    assert sorted(found) == list(range(remainder.position, remainder.position + len(found)))
    return [identity for _, identity in sorted(found.items()) if identity is not None]


def test_what_expires_before_it_is_compared_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[Identity, _Read] = {
        Identity(None, "a"): Found(b"1", expire_time="2026-01-01T00:00:00.000Z"),
        Identity(None, "b"): Found(b"2"),
    }
    copy = _copied(_listing(drawn, Random(1)), monkeypatch)
    keys = [
        [one.key for block in entries_of(copy, lambda _: None, now) for one in block]
        for now in (1_700_000_000, 1_800_000_000)
    ]
    assert keys == [["a", "b"], ["b"]]
    copy.close()


def test_a_listing_that_fails_leaves_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def listed(*_: object, **__: object) -> KvsctlError:
        return StreamError("why")

    monkeypatch.setattr(copying, "list_store", listed)
    side = StoreSide(Target("golden", url="http://golden"), RunPlan(Verb.GET), False, 1.0)
    copy = SourceCopy(ListedStore(side, _PLAN))

    async def read() -> KvsctlError | None:
        return await copy.read([], NoInterrupts(), TimeLimit(Schedule()), lambda _: None)

    error = asyncio.run(read())
    assert error is not None
    assert error.message == "why"
