"""What a journal holds of a listing: a resumed run lists the rest, each key once."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.events import Event, Settled
from kvsctl.bulk.outcomes.in_order import Reorder
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.plan import RunPlan
from kvsctl.errors import TargetError
from kvsctl.journal.state import Group, JournalState
from kvsctl.listing import lister as lister_module
from kvsctl.listing import ranges as ranges_module
from kvsctl.listing import remainder as remainder_module
from kvsctl.listing.plan import ListingPlan
from kvsctl.listing.ranges import Range
from kvsctl.listing.remainder import Move, Remainder
from kvsctl.listing.run import ListingRun
from kvsctl.model import Found, Verb
from kvsctl.selection.patterns import glob
from kvsctl.selection.selection import Selection
from kvsctl.service.queries import Page, Query
from kvsctl.slabs import FoundSlab
from tests.support.simulated.listed_store import ListedStore
from tests.support.simulated.model_service import refused
from tests.support.simulated.virtual_time import run_virtual

_KEYS = st.lists(st.text(alphabet="ab0:\t\ufeff", min_size=1, max_size=5), unique=True, max_size=40)


@pytest.fixture(autouse=True)
def _divides_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Divide ranges of a few pages, however little that brings."""
    monkeypatch.setattr(ranges_module, "_REQUESTS_PER_PAGE", 100.0)
    monkeypatch.setattr(lister_module, "_PAGES_BEFORE_DIVISION", 1)


class _Journal:
    """What a journal would hold of a run, if it were written at times."""

    def __init__(self, state: JournalState, settled: Sequence[str]) -> None:
        self.remainder = Remainder(state.left, len(settled))
        self.state = state
        self.settled = list(settled)
        self._reorder: Reorder[str] = Reorder(len, [(0, len(settled))] if settled else ())
        self._released = list(settled)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Settled):
            for outcome in event.outcomes:
                if outcome.is_final:
                    identity = outcome.subject.identity
                    assert identity is not None
                    self._released += self._reorder.add(outcome.position, identity.key)

    def write(self) -> None:
        """Write a group: from here a run would be resumed."""
        self.settled = list(self._released)
        ended, begun = self.remainder.take(len(self.settled))
        self.state.apply(Group(lists=True, ended=ended, begun=begun))


def _run_until_killed(
    store: ListedStore, plan: ListingPlan, journal: _Journal, kill_at: float, write_every: float
) -> bool:
    """Return whether the run came to its end."""

    async def work() -> bool:
        loop = asyncio.get_running_loop()
        run_plan = RunPlan(Verb.GET, concurrency=3)
        run = ListingRun(
            plan,
            run_plan,
            store,
            [journal],
            pacer=Pacer(run_plan.pace, loop.time),
            remainder=journal.remainder,
        )

        def write() -> None:
            journal.write()
            timers.append(loop.call_later(write_every, write))

        timers = [loop.call_later(write_every, write), loop.call_later(kill_at, run.abort)]
        error = await run.work()
        assert error is None
        for timer in timers:
            timer.cancel()
        return not run.is_cut_short

    return run_virtual(work())


@given(
    _KEYS,
    st.integers(1, 4),
    st.booleans(),
    st.sampled_from(["", "a", "b:"]),
    st.sampled_from([0.15, 0.35, 0.55, 0.95]),
    st.sampled_from([0.01, 0.13, 0.3]),
    st.sampled_from([0.01, 100]),
)
def test_a_killed_listing_is_resumed_with_each_key_once(
    keys: list[str],
    chains: int,
    rereads: bool,
    prefix: str,
    kill_at: float,
    write_every: float,
    page_records: float,
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(remainder_module, "_PAGE_RECORDS", page_records)
        _require_each_key_once(keys, chains, rereads, prefix, kill_at, write_every)


def _require_each_key_once(
    keys: list[str], chains: int, rereads: bool, prefix: str, kill_at: float, write_every: float
) -> None:
    store = ListedStore({key: Found(b"1") for key in keys}, page=2)
    cursors = iter(range(10**6))
    store.fault = lambda query: (
        refused(400, "INVALID_CURSOR") if query.cursor and next(cursors) % 5 == 4 else None
    )
    plan = ListingPlan(Selection(prefix, excludes=[glob("*0")]), chains=chains, rereads=rereads)
    state, settled, has_ended = JournalState(), list[str](), False
    for _ in range(200):
        journal = _Journal(state, settled)
        has_ended = _run_until_killed(store, plan, journal, kill_at, write_every)
        if has_ended:
            journal.write()
        state, settled = journal.state, journal.settled
        kill_at *= 1.5  # otherwise a run may be killed before anything settles, for ever
        if has_ended:
            break
    assert has_ended
    chosen = [key for key in keys if key.startswith(prefix) and not key.endswith("0")]
    assert sorted(settled) == sorted(chosen)
    assert state.left == {}


def test_a_page_that_is_settled_in_part_counts_in_part() -> None:
    whole, rest = Range("", ""), Range("", "", "c")
    remainder = Remainder(None, 0)
    assert remainder.begin({0: [whole]}) == {0: [whole]}
    remainder.note(0, ["a", "b", "c"], [Move(0, whole, [rest])])
    assert remainder.take(0) == ([], [(0, "", "", None)])
    assert remainder.take(2) == ([(0, "", "", None)], [(0, "", "", "b")])
    assert remainder.take(2) == ([], [])
    assert remainder.take(3) == ([(0, "", "", "b")], [(0, "", "", "c")])


def test_a_large_range_is_resumed_by_longer_prefixes() -> None:
    """What 3,000 queries have listed is not listed again: the 700 prefixes after it are."""
    left = (0, "", "user:", "user:0123456789")
    remainder = Remainder([left], 300_000)
    ranges = remainder.begin({0: []}, prefixed=[0])[0]
    assert 100 < len(ranges) < 1000
    assert ranges[0] == Range("user:0123456789", "user:0123456789", "user:0123456789")
    assert all(range_.prefix.startswith("user:") for range_ in ranges)
    assert remainder.take(300_000) == ([left], [(0, *range_) for range_ in ranges])


@given(_KEYS, st.integers(0, 5), st.integers(0, 5), st.sampled_from(["", "0", "a:", "\ufeff"]))
def test_longer_prefixes_hold_each_key_of_their_range_once(
    keys: list[str], level: int, cut: int, tail: str
) -> None:
    after = keys[0] if keys else "ab"
    range_ = Range("", after[:level], after)
    ranges = Remainder([(0, *range_)], 10**9).begin({0: []}, prefixed=[0])[0]
    for key in [*keys, after, after[:cut] + tail, after + tail]:
        assert sum(one.holds(key) for one in ranges) == range_.holds(key)
        assert all(key.startswith(one.prefix) for one in ranges if one.holds(key))


@pytest.mark.parametrize(
    ("settled", "prefixed", "expected"),
    [
        (2000, [0], Range("user:", "user:", "user:0123456789")),
        (300_000, [1], Range("", "user:", "user:0123456789")),
    ],
)
def test_a_small_range_or_one_without_prefixes_is_listed_again(
    settled: int, prefixed: list[int], expected: Range
) -> None:
    remainder = Remainder([(0, "", "user:", "user:0123456789")], settled)
    assert remainder.begin({0: []}, prefixed=prefixed) == {0: [expected]}


def test_what_begins_and_ends_between_two_groups_is_not_mentioned() -> None:
    remainder = Remainder([(0, "", "", None)], 7)
    assert remainder.begin({0: [Range("x", "x")]}) == {0: [Range("", "")]}
    middle = Range("", "", "b")
    remainder.note(7, ["a", "b"], [Move(0, Range("", ""), [middle])])
    remainder.note(9, [], [Move(0, middle, [])])
    assert remainder.take(9) == ([(0, "", "", None)], [])


def test_a_listing_out_of_order_cannot_be_resumed() -> None:
    class Disordered(ListedStore):
        def _page(self, query: Query) -> Page:
            found = FoundSlab.of([Found(b"1")] * 2)
            return Page(["b", "a"], found, None, 10)

    journal = _Journal(JournalState(), [])
    errors: list[object] = []

    async def work() -> None:
        plan = RunPlan(Verb.GET)
        pacer = Pacer(plan.pace, asyncio.get_running_loop().time)
        run = ListingRun(
            ListingPlan(), plan, Disordered({}), [journal], pacer=pacer, remainder=journal.remainder
        )
        errors.append(await run.work())

    run_virtual(work())
    assert isinstance(errors[0], TargetError)
    assert "--journal" in (errors[0].hint or "")
    assert journal.settled == []
