"""A listing run: what is chosen settles as found, whatever the service does to queries."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.events import Event, PageListed, RequestEnded, Settled, WaitReason
from kvsctl.bulk.pacing.pace import Pace
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.plan import Pressure, RunPlan
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.errors import CredentialsError, KvsctlError, StreamError, TargetError
from kvsctl.listing.plan import ListingPlan
from kvsctl.listing.run import ListingRun
from kvsctl.model import Found, Identity, State, Verb
from kvsctl.selection.content.expressions import Expression
from kvsctl.selection.patterns import glob
from kvsctl.selection.selection import Selection
from kvsctl.service.client import QueryAnswer
from kvsctl.service.faults import Fault
from kvsctl.service.queries import EntityIndex, Query
from kvsctl.service.wire import MetadataRequest
from tests.support.books import Books
from tests.support.simulated.listed_store import ListedStore
from tests.support.simulated.model_service import BROKEN, NO_CONNECTION, THROTTLED, refused
from tests.support.simulated.virtual_time import run_virtual

_TIMES = MetadataRequest(created=True, updated=True)


class _Ran:
    """A run, and what its listeners received."""

    def __init__(self) -> None:
        self.books = Books()
        self.pages: list[str] = []
        self.notices: list[str] = []
        self.error: KvsctlError | None = None
        self.is_cut_short = False

    def __call__(self, event: Event) -> None:
        self.books(event)
        if isinstance(event, PageListed):
            self.pages.append(event.prefix)

    @property
    def keys(self) -> list[str]:
        """The keys that were found, in the order of their positions."""
        return [
            one.subject.identity.key
            for _, one in sorted(self.books.outcomes.items())
            if one.state is State.SUCCEEDED and one.subject.identity is not None
        ]

    @property
    def skipped(self) -> list[str | None]:
        """By which rule records were skipped."""
        outcomes = self.books.outcomes.values()
        return [one.skipped_by for one in outcomes if one.state is State.SKIPPED]


def _ran(
    store: ListedStore,
    plan: ListingPlan | None = None,
    *,
    steer: Callable[[ListingRun], None] = lambda _run: None,
    pressure: Callable[[], Pressure] = lambda: Pressure.NONE,
    **settings: object,
) -> _Ran:
    ran = _Ran()

    async def work() -> None:
        run_plan = RunPlan(Verb.GET, **settings)  # type: ignore[arg-type]
        pacer = Pacer(run_plan.pace, asyncio.get_running_loop().time)
        run = ListingRun(
            plan or ListingPlan(),
            run_plan,
            store,
            [ran],
            pacer=pacer,
            pressure=pressure,
            notice=ran.notices.append,
        )
        steer(run)
        ran.error = await run.work()
        ran.is_cut_short = run.is_cut_short

    run_virtual(work())
    return ran


def _store(count: int, **more: object) -> ListedStore:
    records = {f"k{n:04}": Found(b"%d" % n, n * 1000, n * 1000) for n in range(count)}
    return ListedStore(records, **more)  # type: ignore[arg-type]


def _first(times: int, fault: Fault) -> Callable[[Query], Fault | None]:
    left = [fault] * times
    return lambda _query: left.pop() if left else None


def test_every_key_is_found_in_order_with_one_chain() -> None:
    store = _store(250)
    ran = _ran(store)
    assert ran.error is None
    assert ran.keys == sorted(store.records)
    assert [one.found for one in ran.books.outcomes.values()] == list(store.records.values())
    assert ran.books.read == 250
    assert len(ran.books.requests) == 3
    assert ran.pages == ["k00", "k01", "k02"]
    assert all(request.is_query and request.status == 200 for request in ran.books.requests)
    assert not ran.is_cut_short


def test_several_chains_share_a_large_store() -> None:
    store = _store(5000, page=10)
    ran = _ran(store, ListingPlan(chains=4))
    assert sorted(ran.keys) == sorted(store.records)
    assert store.most_in_flight == 4
    assert len(store.queries) <= 2 * 500


@given(st.integers(0, 120), st.integers(1, 5), st.booleans())
def test_a_limit_ends_the_listing(limit: int, chains: int, rereads: bool) -> None:
    if not limit:
        return
    store = _store(100, page=7)
    ran = _ran(store, ListingPlan(chains=chains, limit=limit, rereads=rereads))
    assert len(ran.keys) == min(limit, 100)
    assert not ran.is_cut_short
    assert ran.error is None
    if chains == 1:
        assert ran.keys == sorted(store.records)[:limit]


def test_a_limit_reads_no_page_that_it_does_not_need() -> None:
    store = _store(1000, page=10)
    assert len(_ran(store, ListingPlan(limit=25)).keys) == 25
    assert len(store.queries) == 3


@pytest.mark.parametrize("prefix", ["", "k12"])
@pytest.mark.parametrize("takes_prefixes", [True, False])
def test_an_entity_is_listed_whether_or_not_by_prefixes(prefix: str, takes_prefixes: bool) -> None:
    store = _store(3000, page=10)
    store.fault = lambda query: (
        refused(400, "INVALID_RANGE") if query.prefix and not takes_prefixes else None
    )
    plan = ListingPlan(Selection(prefix), [EntityIndex("pet")], chains=4)
    ran = _ran(store, plan)
    assert ran.error is None
    assert sorted(ran.keys) == [key for key in sorted(store.records) if key.startswith(prefix)]
    identities = [one.subject.identity for one in ran.books.outcomes.values()]
    assert {None if one is None else one.entity for one in identities} == {"pet"}
    refusals = sum(request.status == 400 for request in ran.books.requests)
    assert refusals == (0 if takes_prefixes else 1)
    is_divided = takes_prefixes and not prefix
    assert store.most_in_flight == 4 if is_divided else store.most_in_flight <= 2


def test_an_entity_whose_cursors_and_prefixes_are_refused_cannot_be_listed() -> None:
    store = _store(50, page=10)
    store.fault = lambda query: (
        refused(400, "INVALID_CURSOR") if query.cursor or query.prefix else None
    )
    ran = _ran(store, ListingPlan(spaces=[EntityIndex("pet")]))
    assert isinstance(ran.error, TargetError)


class TestFaults:
    @pytest.mark.parametrize("fault", [BROKEN, THROTTLED, NO_CONNECTION])
    def test_a_page_is_read_again(self, fault: Fault) -> None:
        store = _store(250, fault=_first(3, fault))
        ran = _ran(store)
        assert ran.error is None
        assert ran.keys == sorted(store.records)
        assert [request.is_retry for request in ran.books.requests] == [False] + [True] * 3 + [
            False
        ] * 2
        assert sum(r.is_throttled for r in ran.books.requests) == 3 * (fault is THROTTLED)

    def test_a_refused_cursor_repeats_no_key(self) -> None:
        store = _store(1000, page=10)
        store.fault = lambda query: refused(400, "INVALID_CURSOR") if query.cursor else None
        ran = _ran(store)
        assert ran.error is None
        assert ran.keys == sorted(store.records)

    def test_a_listing_that_cannot_be_finished_is_an_error(self) -> None:
        store = _store(250)
        store.fault = lambda query: BROKEN if query.cursor else None
        ran = _ran(store, retry=RetryPolicy(retries=2))
        assert isinstance(ran.error, TargetError)
        assert "gave up listing keys after 3 attempts" in ran.error.message
        assert len(ran.keys) == 100

    def test_a_target_that_never_answers_cannot_be_reached(self) -> None:
        ran = _ran(_store(3, fault=lambda _: NO_CONNECTION), retry=RetryPolicy(retries=2))
        assert isinstance(ran.error, TargetError)
        assert ran.error.message == "cannot reach the target: UNREACHABLE: no connection"

    def test_a_refused_query_is_an_error(self) -> None:
        ran = _ran(_store(3, fault=lambda _: refused(400, "QUERY_WHERE_INVALID")))
        assert isinstance(ran.error, TargetError)
        assert "refused to list keys: QUERY_WHERE_INVALID" in ran.error.message

    def test_a_token_is_renewed_once(self) -> None:
        store = _store(3, fault=_first(1, refused(401, "UNAUTHORIZED")))
        assert _ran(store).keys == sorted(store.records)
        store = _store(3, fault=lambda _: refused(401, "UNAUTHORIZED"))
        assert isinstance(_ran(store).error, CredentialsError)

    def test_forbidden_is_an_end_at_once(self) -> None:
        store = _store(3, fault=lambda _: refused(403, "FORBIDDEN"))
        assert isinstance(_ran(store).error, CredentialsError)
        assert len(store.queries) == 1

    def test_a_service_with_smaller_pages_is_asked_for_them(self) -> None:
        store = _store(50)
        store.fault = lambda query: (
            refused(400, "LIST_QUERY_LIMIT_EXCEEDED") if query.limit > 20 else None
        )
        assert _ran(store).keys == sorted(store.records)
        assert [query.limit for query in store.queries] == [100, 20, 20, 20]


def test_queries_keep_to_the_pace_and_say_what_they_wait_for() -> None:
    store = _store(1000)
    ran = _ran(store, pace=Pace(1.0, None))
    assert ran.keys == sorted(store.records)
    settled_at = sorted(set(ran.books.settled_at.values()))
    assert all(later - sooner >= 0.99 for sooner, later in pairwise(settled_at))
    assert {one.reason for one in ran.books.waits} == {WaitReason.QUOTA}


class TestSelections:
    def test_only_what_a_glob_may_match_is_read(self) -> None:
        store = _store(1000)
        ran = _ran(store, ListingPlan(Selection(matches=[glob("k00[0-4]?")])))
        assert ran.keys == [f"k{n:04}" for n in range(50)]
        assert {query.prefix for query in store.queries} == {"k00"}

    def test_age_is_decided_by_the_listing_if_it_has_times(self) -> None:
        store = _store(100)
        plan = ListingPlan(Selection(older_than=30.0), needed=MetadataRequest(updated=True))
        ran = _ran(store, plan)
        assert ran.keys == [f"k{n:04}" for n in range(30)]
        assert store.read == []

    def test_age_is_read_again_if_the_listing_has_no_times(self) -> None:
        store = _store(100, has_times=False)
        plan = ListingPlan(Selection(older_than=30.0), needed=MetadataRequest(updated=True))
        ran = _ran(store, plan)
        assert sorted(ran.keys) == [f"k{n:04}" for n in range(30)]
        assert ran.skipped == ["unselected"] * 70
        assert sorted(store.read) == sorted(store.records)
        assert ["at least 40 units per 1,000 keys" in text for text in ran.notices] == [True]

    def test_an_entity_without_times_is_noticed_after_keys_with_times(self) -> None:
        store = _store(60)
        answered = store.query

        async def query(query: Query) -> QueryAnswer:
            store.has_times = query.entity is None
            return await answered(query)

        store.query = query  # type: ignore[method-assign]
        plan = ListingPlan(spaces=[None, EntityIndex("pet")], needed=_TIMES)
        ran = _ran(store, plan)
        assert len(ran.notices) == 1
        assert len(store.read) == 120

    def test_undecided_records_are_skipped_in_their_place(self) -> None:
        """A journal resumes after a key, so what is skipped must not come after later keys."""
        store = _store(150)
        selection = Selection(where=[Expression("value == `5` || value > `90` || key", "--where")])
        ran = _ran(store, ListingPlan(selection))
        assert ran.skipped == ["undecided"] * (150 - 60)
        assert [one.subject.identity for one in ran.books.outcomes.values()] == [
            Identity(None, key) for key in sorted(store.records)
        ]
        assert len(ran.keys) == 60
        assert store.read == []

    def test_a_limit_counts_chosen_records_only(self) -> None:
        selection = Selection(where=[Expression("value > `90` || key", "--where")])
        ran = _ran(_store(250), ListingPlan(selection, limit=3))
        assert ran.keys == ["k0091", "k0092", "k0093"]
        assert ran.skipped == ["undecided"] * 91

    def test_what_is_undecided_is_read_again_with_the_rest(self) -> None:
        """Queries lag: batch/get may show what they did not."""
        store = _store(20)
        store.lagging = {key: Found(b'"old"', 0, 0) for key in store.records}
        selection = Selection(where=[Expression("value > `9`", "--where")])
        ran = _ran(store, ListingPlan(selection, rereads=True))
        assert len(ran.keys) == 10
        assert ran.skipped == ["unselected"] * 10

    def test_times_that_are_missing_later_end_the_listing(self) -> None:
        store = _store(150)
        store.records = {
            key: found if key < "k0100" else Found(found.value)
            for key, found in store.records.items()
        }
        plan = ListingPlan(Selection(older_than=30.0), needed=MetadataRequest(updated=True))
        ran = _ran(store, plan)
        assert isinstance(ran.error, TargetError)
        assert "--consistent" in (ran.error.hint or "")

    def test_expired_records_are_skipped(self) -> None:
        past, future = "1970-01-01T00:00:00Z", "2170-01-01T00:00:00Z"
        store = ListedStore(
            {"a": Found(b"1", expire_time=past), "b": Found(b"1", expire_time=future)}
        )
        for rereads in (False, True):
            ran = _ran(store, ListingPlan(skip_expired=True, rereads=rereads))
            assert ran.keys == ["b"]
            assert ran.skipped == ["expired"]
            assert ran.books.read == 2


def test_what_queries_lag_behind_is_read_again() -> None:
    now = {"kept": Found(b"2"), "new": Found(b"3")}
    store = ListedStore(now, lagging={"kept": Found(b"1"), "gone": Found(b"1")})
    ran = _ran(store, ListingPlan(rereads=True))
    assert ran.keys == ["kept"]
    assert [one.found for one in ran.books.outcomes.values() if one.found] == [Found(b"2")]
    assert ran.skipped == ["missing"]


class TestStopping:
    @pytest.mark.parametrize("rereads", [False, True])
    def test_a_stop_settles_what_was_read(self, rereads: bool) -> None:
        store = _store(1000)

        def stop_soon(run: ListingRun) -> None:
            asyncio.get_running_loop().call_later(0.35, run.stop)

        ran = _ran(store, ListingPlan(rereads=rereads), steer=stop_soon)
        assert ran.error is None
        assert ran.is_cut_short
        assert 0 < len(ran.keys) < 1000
        assert ran.books.read == len(ran.books.outcomes)

    def test_the_error_of_a_listener_stops_it(self) -> None:
        store = _store(1000)

        def fail(event: Event) -> None:
            if isinstance(event, Settled):
                raise StreamError("the disk is full")

        ran = _Ran()

        async def work() -> None:
            plan = RunPlan(Verb.GET)
            pacer = Pacer(plan.pace, asyncio.get_running_loop().time)
            run = ListingRun(ListingPlan(), plan, store, [ran, fail], pacer=pacer)
            ran.error = await run.work()

        run_virtual(work())
        assert isinstance(ran.error, StreamError)
        assert len(ran.keys) == 100

    def test_nothing_is_read_while_the_output_is_behind(self) -> None:
        store = _store(10_000)
        behind = [True]

        def steer(run: ListingRun) -> None:
            def resume() -> None:
                assert len(store.queries) < 10
                behind[0] = False
                run.wake()

            asyncio.get_running_loop().call_later(100.0, resume)

        ran = _ran(
            store,
            steer=steer,
            pressure=lambda: Pressure.STOP if behind[0] else Pressure.NONE,
        )
        assert len(ran.keys) == 10_000


def test_a_request_line_calls_it_a_query() -> None:
    from kvsctl.report.request_lines import request_line

    ended = RequestEnded(Verb.GET, 3, 200, 0.1, 10, 10, 1, False, is_query=True)
    assert request_line(ended).startswith("query 200, 100 ms, 3 records")
